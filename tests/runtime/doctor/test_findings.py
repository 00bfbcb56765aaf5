"""What is concluded from facts; no library is asked."""

from dataclasses import replace

import pytest

from tests.runtime.doctor.machines import CPU_ONLY, CPU_RUNS, H200, RTX4090, notes, problems, with_gpu
from trt_anime.runtime.doctor.facts import (
    Cuda,
    EngineState,
    Facts,
    Flavour,
    Gpu,
    Machine,
    Management,
    OnnxRuntime,
    OpenVino,
    Probed,
    Provider,
)
from trt_anime.runtime.doctor.findings import LEAST_DISK_BYTES, findings_of

NO_CUDNN = (
    "Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared"
    " object file: No such file or directory"
)


def machine(**changes: object) -> Facts:
    return replace(CPU_ONLY, machine=replace(CPU_ONLY.machine, **changes))  # type: ignore[arg-type]


def cuda_fails(reason: str) -> Facts:
    provider = Provider(name="CUDAExecutionProvider", runs=False, reason=reason)
    return replace(with_gpu(), onnxruntime=OnnxRuntime(version="1.31.1", providers=(provider, CPU_RUNS)))


def old_driver() -> Facts:
    return replace(
        with_gpu(),
        management=Management(version="550.54", cuda="12.4", gpus=(RTX4090,)),
        cuda=Cuda(version="12.4", gpus=(RTX4090,)),
    )


def cpu_packages_on_a_gpu() -> Facts:
    """`pip install 'trt-anime[cpu,rtx]'`, and then there is a GPU after all."""
    here = with_gpu()
    return replace(CPU_ONLY, management=here.management, on_bus=1)


def two_gpus(capability: int, **changes: object) -> Facts:
    second = Gpu(index=1, name="Second", capability=capability)
    here = with_gpu()
    both = replace(here.management, gpus=(RTX4090, second))
    return replace(here, management=both, **changes)  # type: ignore[arg-type]


# Facts -> words of the problem, of its cure or command.
PROBLEMS: dict[str, tuple[Facts, str, str]] = {
    "no driver": (
        replace(CPU_ONLY, on_bus=1),
        "an NVIDIA GPU is in this machine, but no driver answers",
        "580 or later",
    ),
    "driver broken": (
        replace(CPU_ONLY, management=Management(reason="Driver/library version mismatch")),
        "installed but doesn't answer (Driver/library version mismatch)",
        "restart the machine",
    ),
    "driver hangs": (
        replace(CPU_ONLY, on_bus=1, management=Management(reason="it did not answer within 30 seconds")),
        "it did not answer within 30 seconds",
        "restart the machine",
    ),
    "driver too old": (old_driver(), "the driver 550.54 supports CUDA 12.4, too old", "580 or later"),
    "GPU too old": (
        with_gpu(Gpu(index=0, name="GTX 1080", capability=61)),
        "begins with sm75: GTX 1080 (sm61)",
        "--device cpu",
    ),
    "CPU packages": (
        cpu_packages_on_a_gpu(),
        "the GPU isn't used, for want of cuda-python and onnxruntime-gpu; the onnxruntime that",
        "pip uninstall --yes onnxruntime && pip install 'trt-anime[gpu]'",
    ),
    "no cuda-python": (
        replace(with_gpu(), cuda=Cuda(installed=False)),
        "the GPU isn't used, for want of cuda-python",
        "pip install 'trt-anime[gpu]'",
    ),
    "CUDA doesn't start": (
        replace(
            with_gpu(), cuda=Cuda(reason="CUDA doesn't start: CUDA_ERROR_X (words); start the manager")
        ),
        "the GPU can't be used: CUDA doesn't start: CUDA_ERROR_X (words)",
        "start the manager",
    ),
    "no cuDNN": (cuda_fails(NO_CUDNN), "libcudnn.so.9", "pip install 'onnxruntime-gpu[cuda,cudnn]'"),
    "CUDA provider fails": (cuda_fails("CUDA failure 999"), "CUDA failure 999", "nvidia-smi"),
    "two ONNX Runtimes": (
        replace(CPU_ONLY, packages={"onnxruntime": "1", "onnxruntime-gpu": "1"}),
        "onnxruntime and onnxruntime-gpu are both installed",
        "pip uninstall --yes onnxruntime onnxruntime-gpu && pip install 'trt-anime[cpu]'",
    ),
    "no ONNX Runtime": (
        replace(CPU_ONLY, packages={}, onnxruntime=OnnxRuntime(installed=False)),
        "ONNX Runtime isn't installed",
        "pip install 'trt-anime[cpu]'",
    ),
    "ONNX Runtime breaks": (
        replace(CPU_ONLY, onnxruntime=OnnxRuntime(reason="DLL load failed")),
        "ONNX Runtime doesn't run (DLL load failed)",
        "pip install --force-reinstall 'trt-anime[cpu]'",
    ),
    "no CPU provider": (
        replace(CPU_ONLY, onnxruntime=OnnxRuntime(version="1.32.0")),
        "it has no CPUExecutionProvider",
        "--force-reinstall",
    ),
    "RTX doesn't load": (
        replace(CPU_ONLY, tensorrt_rtx=Flavour(reason="libtensorrt_rtx.so.1: cannot open")),
        "TensorRT-RTX is installed but doesn't load (libtensorrt_rtx.so.1: cannot open)",
        "pip install --force-reinstall 'trt-anime[rtx]'",
    ),
    "TensorRT doesn't load": (
        replace(with_gpu(), tensorrt=Flavour(reason="libnvinfer.so.11: cannot open")),
        "TensorRT is installed but doesn't load (libnvinfer.so.11",
        "pip install --force-reinstall 'trt-anime[gpu]'",
    ),
    "OpenVINO doesn't load": (
        replace(CPU_ONLY, openvino=OpenVino(reason="boom")),
        "OpenVINO is installed but doesn't load (boom)",
        "trt-anime[openvino]",
    ),
    "disk nearly full": (
        machine(disk_free_bytes=LEAST_DISK_BYTES - 1),
        "has 5.0 GB left, less than 5 GB",
        "TRT_ANIME_HOME",
    ),
    "home not writable": (machine(home_is_writable=False), "can't be written", "TRT_ANIME_HOME"),
}

NOTES: dict[str, tuple[Facts, str]] = {
    "no GPU": (CPU_ONLY, "there is no NVIDIA GPU: everything runs on the CPU"),
    "driver without a GPU": (replace(CPU_ONLY, management=Management(version="580")), "there is no NVIDIA"),
    "nobody can tell": (
        replace(CPU_ONLY, on_bus=None, management=Management(installed=False, has_driver=False)),
        "can't be told without nvidia-ml-py",
    ),
    "no RTX": (
        replace(CPU_ONLY, tensorrt_rtx=Flavour(installed=False)),
        "no engines can be built here, not even for other machines",
    ),
    "no TensorRT for a data-centre GPU": (
        replace(with_gpu(H200), tensorrt=Flavour(installed=False)),
        "no TensorRT for this GPU is installed",
    ),
    "no model": (
        replace(CPU_ONLY, models=(replace(CPU_ONLY.models[0], here=()),)),
        "no model is on this machine",
    ),
    "no VNNI": (machine(features=("AVX2",)), "INT8 graphs are not worth while on this CPU"),
    "no AVX2": (machine(features=()), "this CPU has no AVX2"),
    "no NVDEC": (replace(with_gpu(), nvdec=Probed(installed=False)), "decoded on the CPU: PyNvVideoCodec"),
    "NVDEC fails": (replace(with_gpu(), nvdec=Probed(reason="no libnvcuvid")), "no libnvcuvid"),
    "hidden GPUs": (two_gpus(89, visible_devices="0"), "CUDA lists 1 of 2 GPUs: CUDA_VISIBLE_DEVICES=0"),
    "one of two too old": (two_gpus(61), "begins with sm75: Second (sm61)"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_and_its_cure(name: str) -> None:
    facts, what, cure = PROBLEMS[name]
    (found,) = (problem for problem in problems(facts) if what in problem.what)
    assert cure in f"{found.cure} {found.command}"


@pytest.mark.parametrize("facts", [facts for facts, *_ in (*PROBLEMS.values(), *NOTES.values())])
def test_sentences(facts: Facts) -> None:
    for finding in findings_of(facts):
        assert finding.what and "\n" not in finding.what + finding.cure + finding.command
        assert finding.level != "problem" or finding.cure or finding.command


@pytest.mark.parametrize("name", NOTES)
def test_a_note_is_no_problem(name: str) -> None:
    facts, what = NOTES[name]
    assert [note for note in notes(facts) if what in note]
    assert problems(facts) == []


def test_nothing_is_wrong_with_a_good_machine() -> None:
    assert problems(with_gpu()) == [] and notes(with_gpu()) == []
    assert notes(CPU_ONLY) == ["there is no NVIDIA GPU: everything runs on the CPU"]
    oks = [finding.what for finding in findings_of(with_gpu()) if finding.level == "ok"]
    assert any("NVDEC" in ok for ok in oks) and any("CUDAExecutionProvider" in ok for ok in oks)


def test_an_unknown_cpu_is_not_judged() -> None:
    facts = machine(features=None)
    assert [finding for finding in findings_of(facts) if finding.section == "machine"] == []
    assert [f for f in findings_of(replace(facts, machine=Machine())) if f.section == "machine"] == []


def test_a_gpu_with_an_old_driver_and_a_compatibility_package() -> None:
    """CUDA's own answer counts: on data-centre GPUs its libraries may be newer than the driver."""
    facts = replace(old_driver(), cuda=Cuda(version="13.0", gpus=(RTX4090,)))
    assert problems(facts) == []


def test_engines() -> None:
    def engine(state: str, target: str = "rtx-sm89") -> EngineState:
        return EngineState(name=f"e-{state}", target=target, precision="fp16", state=state, reason="why")  # type: ignore[arg-type]

    engines = (engine("usable"), engine("elsewhere", "rtx-sm75"), engine("elsewhere", "trt-sm90"))
    facts = replace(with_gpu(), engines=(*engines, engine("rebuild")))
    assert problems(facts) == []
    ours = [finding for finding in findings_of(facts) if finding.section == "engines"]
    assert [(finding.level, finding.what) for finding in ours] == [
        ("ok", "1 engine is usable here"),
        ("note", "2 engines are for other machines (rtx-sm75, trt-sm90)"),
        ("note", "1 engine is for a GPU like the one here, but not usable; e-rebuild: why"),
    ]
    assert ours[2].command == "trt-anime engines build MODEL --gpu native"
