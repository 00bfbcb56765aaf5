"""What follows from the libraries: ONNX Runtime and its providers, TensorRT, OpenVINO."""

import re
from collections.abc import Iterator

from trt_anime.engines.flavours import FLAVOURS
from trt_anime.engines.targets import RTX_CAPABILITIES, FlavourName
from trt_anime.runtime.doctor.facts import Facts, Finding, Flavour

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


def library_findings(facts: Facts) -> Iterator[Finding]:
    yield from _onnxruntime(facts)
    yield from _flavours(facts)
    if facts.openvino.installed and facts.openvino.reason:
        yield _problem(
            f"OpenVINO is installed but doesn't load ({facts.openvino.reason})",
            "install it again, or uninstall it: nothing needs it",
            "pip install --force-reinstall 'trt-anime[openvino]'",
        )


def _onnxruntime(facts: Facts) -> Iterator[Finding]:
    ort, extra = facts.onnxruntime, "gpu" if facts.gpus else "cpu"
    install = f"pip install 'trt-anime[{extra}]'"
    if {"onnxruntime", "onnxruntime-gpu"} <= facts.packages.keys():
        yield _problem(
            "onnxruntime and onnxruntime-gpu are both installed; they own the same files, so which of them"
            " is loaded is chance",
            "uninstall both, then install one",
            f"pip uninstall --yes onnxruntime onnxruntime-gpu && {install}",
        )
    if not ort.installed:
        yield _problem("ONNX Runtime isn't installed: no stage can run", "install it", install)
        return
    cpu = ort.provider(_CPU)
    if ort.reason or cpu is None or not cpu.runs:
        said = ort.reason or (cpu.reason if cpu else f"it has no {_CPU}")
        yield _problem(f"ONNX Runtime doesn't run ({said})", "install it again", _again(extra))
        return
    if facts.gpus:
        yield from _cuda_provider(facts)


def _cuda_provider(facts: Facts) -> Iterator[Finding]:
    provider = facts.onnxruntime.provider(_CUDA)
    if provider is None:
        return  # a finding on the GPU says that onnxruntime-gpu isn't installed
    if provider.runs:
        what = f"ONNX Runtime runs graphs on the GPU ({_CUDA})"
        yield Finding(section="libraries", level="ok", what=what)
        return
    what = f"ONNX Runtime can't use the GPU and would silently run on the CPU ({provider.reason})"
    if re.search(r"\blib(cu|nv)\w*\.so|\b(cu|nv)\w+64_\w*\.dll|LoadLibrary failed", provider.reason):
        cure = "install CUDA 13 and cuDNN 9, which can come as Python packages"
        yield _problem(what, cure, "pip install 'onnxruntime-gpu[cuda,cudnn]'")
    else:
        yield _problem(
            what, "look whether the driver answers; if it does, install CUDA again", "nvidia-smi"
        )


def _flavours(facts: Facts) -> Iterator[Finding]:
    flavours: dict[FlavourName, Flavour] = {"trt": facts.tensorrt, "rtx": facts.tensorrt_rtx}
    for name, found in flavours.items():
        flavour = FLAVOURS[name]
        if found.installed and found.reason:
            yield _problem(
                f"{flavour.title} is installed but doesn't load ({found.reason})",
                "install it again",
                _again(flavour.extra),
            )
    if not facts.gpus and not facts.tensorrt_rtx.installed:
        yield Finding(
            section="libraries",
            level="note",
            what="no engines can be built here, not even for other machines: TensorRT-RTX isn't installed",
            command="pip install 'trt-anime[rtx]'",
        )
    # Engines for these GPUs are built with either, for the others with TensorRT only.
    serves = [facts.tensorrt, *([facts.tensorrt_rtx] if _has_rtx_target(facts) else [])]
    if facts.gpus and not any(flavour.installed for flavour in serves):
        yield Finding(
            section="libraries",
            level="note",
            what="no TensorRT for this GPU is installed: it runs on ONNX Runtime, which is slower",
            command="pip install 'trt-anime[gpu]'",
        )


def _has_rtx_target(facts: Facts) -> bool:
    return any(gpu.capability in RTX_CAPABILITIES for gpu in facts.gpus)


def _again(extra: str) -> str:
    return f"pip install --force-reinstall 'trt-anime[{extra}]'"


def _problem(what: str, cure: str, command: str = "") -> Finding:
    return Finding(section="libraries", level="problem", what=what, cure=cure, command=command)
