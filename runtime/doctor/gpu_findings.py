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
    yield from _packages(facts)
    yield from _cuda(facts)


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
        name = f"the driver {driver}" if driver else "the driver"
        yield _problem(
            f"{name} supports CUDA {supported}, too old for the libraries, which need {_LEAST_CUDA}",
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


def _packages(facts: Facts) -> Iterator[Finding]:
    """Whether what would use the GPU is installed."""
    ort = facts.onnxruntime
    lacking = [] if facts.cuda.installed else ["cuda-python"]
    if ort.loads and not ort.provider("CUDAExecutionProvider"):
        lacking.append("onnxruntime-gpu")
    if not lacking:
        return
    what = f"the GPU isn't used, for want of {' and '.join(lacking)}"
    install = "pip install 'trt-anime[gpu]'"
    if "onnxruntime" in facts.packages:
        yield _problem(
            f"{what}; the onnxruntime that is installed is for CPUs only",
            "put what a GPU needs in its place",
            f"pip uninstall --yes onnxruntime && {install}",
        )
    else:
        yield _problem(what, "install what a GPU needs", install)


def _cuda(facts: Facts) -> Iterator[Finding]:
    """Whether a run can start CUDA, and on which GPUs."""
    cuda, count = facts.cuda, len(facts.gpus)
    if cuda.reason:
        what, _, cure = cuda.reason.partition("; ")
        yield _problem(f"the GPU can't be used: {what}", cure or "look what `nvidia-smi` says")
    if cuda.loads and cuda.gpus:
        what = f"CUDA starts; GPUs that a run can use: {len(cuda.gpus)}"
        yield Finding(section="gpu", level="ok", what=what)
    if cuda.loads and len(cuda.gpus) < count:
        hidden = facts.visible_devices is not None
        why = f": CUDA_VISIBLE_DEVICES={facts.visible_devices}" if hidden else ""
        what = f"CUDA lists {len(cuda.gpus)} of {count} GPUs{why}"
        yield Finding(section="gpu", level="note", what=what)


def _problem(what: str, cure: str, command: str = "") -> Finding:
    return Finding(section="gpu", level="problem", what=what, cure=cure, command=command)
