"""Facts of machines as the doctor would find them."""

from dataclasses import replace

from trt_anime.runtime.doctor.facts import (
    Cuda,
    Facts,
    Finding,
    Flavour,
    Gpu,
    Machine,
    Management,
    ModelState,
    OnnxRuntime,
    OpenVino,
    Probed,
    Provider,
)
from trt_anime.runtime.doctor.findings import findings_of

CPU_RUNS = Provider(name="CPUExecutionProvider", runs=True)
CUDA_RUNS = Provider(name="CUDAExecutionProvider", runs=True)
RTX4090 = Gpu(
    index=0,
    name="NVIDIA GeForce RTX 4090",
    capability=89,
    memory_free_bytes=24_000_000_000,
    memory_total_bytes=25_757_220_864,
)
H200 = Gpu(index=0, name="NVIDIA H200", capability=90)

# No GPU, nothing wrong: `pip install 'trt-anime[cpu,rtx]'`, one model fetched.
CPU_ONLY = Facts(
    machine=Machine(
        system="Linux 6.1 x86_64",
        python="3.11.7",
        processor="A CPU",
        cores=8,
        features=("AVX2", "VNNI"),
        memory_free_bytes=20_000_000_000,
        memory_total_bytes=32_000_000_000,
        home="/home/user/.local/share/trt-anime",
        disk_free_bytes=100_000_000_000,
        disk_total_bytes=500_000_000_000,
    ),
    packages={"onnxruntime": "1.32.0", "tensorrt-rtx-cu13": "1.7.1"},
    on_bus=0,
    visible_devices=None,
    management=Management(has_driver=False, reason="NVML Shared Library Not Found"),
    cuda=Cuda(installed=False),
    tensorrt=Flavour(installed=False),
    tensorrt_rtx=Flavour(version="1.7.1", capabilities=(75, 80, 86, 89, 120, 121)),
    onnxruntime=OnnxRuntime(version="1.32.0", providers=(CPU_RUNS,)),
    openvino=OpenVino(installed=False),
    nvdec=Probed(installed=False),
    models=(
        ModelState(name="u2netp", stage="matte", here=("onnx",), hash="published", graphs=("g.onnx",)),
    ),
    graph_files=1,
    engines=(),
)


def with_gpu(gpu: Gpu = RTX4090) -> Facts:
    """All that a GPU needs is there and works."""
    return replace(
        CPU_ONLY,
        packages={"onnxruntime-gpu": "1.31.1", "cuda-python": "13.4.4", "tensorrt-rtx-cu13": "1.7.1"},
        on_bus=1,
        management=Management(version="580.65", cuda="13.0", gpus=(gpu,)),
        cuda=Cuda(version="13.0", gpus=(gpu,)),
        tensorrt=Flavour(version="11.4"),
        onnxruntime=OnnxRuntime(version="1.31.1", providers=(CUDA_RUNS, CPU_RUNS)),
        nvdec=Probed(version="2.2.4"),
    )


def problems(facts: Facts) -> list[Finding]:
    return [finding for finding in findings_of(facts) if finding.level == "problem"]


def notes(facts: Facts) -> list[str]:
    return [finding.what for finding in findings_of(facts) if finding.level == "note"]
