"""What follows from the GPU, its driver and its video decoder.

No GPU is a note, a GPU that can't be used is a problem.
"""

from collections.abc import Iterator

from trt_anime.runtime.doctor.facts import Facts, Finding

LEAST_CAPABILITY = 75  # CUDA 13 has no code for GPUs before it
_LEAST_CUDA = 13
_DRIVER = "install NVIDIA's driver, 580 or later; in a container, start it with --gpus all"


def gpu_findings(facts: Facts) -> Iterator[Finding]:
    if not facts.gpus:
        yield _no_gpu(facts)
        return
    yield from _driver(facts)
    yield from _age(facts)
    yield from _computing(facts)


def video_findings(facts: Facts) -> Iterator[Finding]:
    if not facts.gpus:
        return
    nvdec, instead = facts.nvdec, "videos are decoded on the CPU"
    if nvdec.loads:
        yield Finding(section="video", level="ok", what="videos are decoded by the GPU (NVDEC)")
    elif nvdec.installed:
        yield Finding(
            section="video",
            level="note",
            what=f"{instead}: PyNvVideoCodec doesn't load ({nvdec.reason})",
            cure="install the driver with its video libraries; a container needs "
            "NVIDIA_DRIVER_CAPABILITIES=compute,video,utility",
        )
    else:
        yield Finding(
            section="video",
            level="note",
            what=f"{instead}: PyNvVideoCodec isn't installed",
            command="pip install PyNvVideoCodec",
        )


def _no_gpu(facts: Facts) -> Finding:
    management, count = facts.management, facts.on_bus
    if management.installed and management.has_driver and management.reason:
        return _problem(
            f"NVIDIA's driver is installed but doesn't answer ({management.reason})",
            "restart the machine, as a driver that was updated demands; look what `nvidia-smi` says",
            "nvidia-smi",
        )
    if count:
        what = "an NVIDIA GPU is" if count == 1 else f"{count} NVIDIA GPUs are"
        return _problem(f"{what} in this machine, but no driver answers", _DRIVER)
    if count is None and not management.installed:
        return Finding(
            section="gpu",
            level="note",
            what="whether there is an NVIDIA GPU can't be told without nvidia-ml-py",
            command="pip install nvidia-ml-py",
        )
    return Finding(section="gpu", level="note", what="there is no NVIDIA GPU: everything runs on the CPU")


def _driver(facts: Facts) -> Iterator[Finding]:
    supported, driver = facts.supported_cuda, facts.management.version
    if supported and int(supported.partition(".")[0]) < _LEAST_CUDA:
        yield _problem(
            f"the driver{' ' + driver if driver else ''} supports CUDA {supported}, too old for the libraries"
            f" used here, which need CUDA {_LEAST_CUDA}",
            "update NVIDIA's driver to 580 or later",
        )


def _age(facts: Facts) -> Iterator[Finding]:
    old = [gpu for gpu in facts.gpus if gpu.capability < LEAST_CAPABILITY]
    if not old:
        return
    names = ", ".join(f"{gpu.name} (sm{gpu.capability})" for gpu in old)
    what = f"too old for CUDA {_LEAST_CUDA}, which begins with sm{LEAST_CAPABILITY}: {names}"
    if len(old) == len(facts.gpus):
        yield _problem(what, "use the CPU with --device cpu, or a GPU from GTX 16 and RTX 20 on")
    else:
        yield Finding(section="gpu", level="note", what=what, cure="choose another with --device cuda:N")


def _computing(facts: Facts) -> Iterator[Finding]:
    """Whether a run can start CUDA, and whether anything is installed that would use it."""
    cuda, listed = facts.cuda, facts.onnxruntime.provider("CUDAExecutionProvider")
    lacking = [] if cuda.installed else ["cuda-python"]
    lacking += [] if listed or facts.onnxruntime.reason else ["onnxruntime-gpu"]
    if lacking:
        cpu_only = "onnxruntime" in facts.packages and "onnxruntime-gpu" not in facts.packages
        yield _problem(
            f"the GPU isn't used: {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"
            + (", and onnxruntime is for CPUs only" if cpu_only else ""),
            "install what a GPU needs" + (" in place of what is for CPUs" if cpu_only else ""),
            ("pip uninstall --yes onnxruntime && " if cpu_only else "") + "pip install 'trt-anime[gpu]'",
        )
    if cuda.reason:
        what, _, cure = cuda.reason.partition("; ")
        yield _problem(f"the GPU can't be used: {what}", cure or "look what `nvidia-smi` says")
    if cuda.loads and cuda.gpus:
        what = f"CUDA starts; GPUs that a run can use: {len(cuda.gpus)}"
        yield Finding(section="gpu", level="ok", what=what)
    if cuda.loads and len(cuda.gpus) < len(facts.gpus):
        yield Finding(
            section="gpu",
            level="note",
            what=f"CUDA lists {len(cuda.gpus)} of {len(facts.gpus)} GPUs"
            + (f": CUDA_VISIBLE_DEVICES={facts.visible_devices}" if facts.visible_devices else ""),
        )


def _problem(what: str, cure: str, command: str = "") -> Finding:
    return Finding(section="gpu", level="problem", what=what, cure=cure, command=command)
