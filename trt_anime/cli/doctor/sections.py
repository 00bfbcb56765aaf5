"""Facts as labels and values, section by section."""

from collections.abc import Callable, Iterator

from trt_anime.runtime.doctor.facts import (
    EngineState,
    Facts,
    Flavour,
    Gpu,
    ModelState,
    Probed,
    Provider,
    Section,
)

Pairs = Iterator[tuple[str, str]]

_CUDA_PACKAGES = ("nvidia-cuda", "nvidia-cu", "cuda-")


def _machine(facts: Facts) -> Pairs:
    machine = facts.machine
    yield "system", f"{machine.system}, Python {machine.python}"
    yield "CPU", machine.processor or "unknown"
    yield "cores", f"{machine.cores} usable"
    yield "features", "unknown" if machine.features is None else ", ".join(machine.features) or "none"
    yield "memory", _free(machine.memory_free_bytes, machine.memory_total_bytes)
    yield "home", machine.home + ("" if machine.home_is_writable else " (not writable)")
    yield "disk", _free(machine.disk_free_bytes, machine.disk_total_bytes)


def _gpu(facts: Facts) -> Pairs:
    driver = facts.management.version or ("unknown" if facts.gpus else "none answers")
    yield "driver", driver + (f", for CUDA {facts.supported_cuda}" if facts.supported_cuda else "")
    for gpu in facts.gpus:
        yield f"GPU {gpu.index}", _gpu_words(gpu)
    if facts.on_bus and not facts.gpus:
        yield "on the bus", f"{facts.on_bus} NVIDIA"
    if facts.visible_devices is not None:
        yield "visible", f"CUDA_VISIBLE_DEVICES={facts.visible_devices}"
    found = [
        f"{name} {version}" for name, version in facts.packages.items() if name.startswith(_CUDA_PACKAGES)
    ]
    yield "CUDA", ", ".join(found) or "no Python packages of it"


def _libraries(facts: Facts) -> Pairs:
    yield "ONNX Runtime", _state(facts.onnxruntime)
    for provider in facts.onnxruntime.providers:
        yield "", _provider_words(provider)
    yield "TensorRT", _flavour_words(facts.tensorrt)
    yield "TensorRT-RTX", _flavour_words(facts.tensorrt_rtx)
    devices = ", ".join(facts.openvino.devices)
    yield "OpenVINO", _state(facts.openvino) + (f", on {devices}" if devices else "")
    yield "PyTorch", facts.packages.get("torch", "not installed")
    yield "ModelOpt", facts.packages.get("nvidia-modelopt", "not installed")


def _video(facts: Facts) -> Pairs:
    on_gpu = facts.nvdec.loads and facts.gpus
    yield "decoder", f"NVDEC, by PyNvVideoCodec {facts.nvdec.version}".rstrip() if on_gpu else "CPU"
    yield "encoder", "CPU (this release uses no other)"


def _models(facts: Facts) -> Pairs:
    here = [model for model in facts.models if model.here]
    for model in here:
        yield model.name, _model_words(model)
    yield "not here", f"{len(facts.models) - len(here)} others; `trt-anime models list` names them"


def _graphs(facts: Facts) -> Pairs:
    made = [model.name for model in facts.models if model.graphs]
    yield "ready for", ", ".join(made) or "no model; they are made on first use"
    yield "files", str(facts.graph_files)


def _engines(facts: Facts) -> Pairs:
    yield "in the store", str(len(facts.engines))
    for engine in facts.engines:
        if engine.state != "elsewhere":  # those are counted in a note; there may be dozens
            yield engine.state, _engine_words(engine)


SECTIONS: dict[Section, tuple[str, Callable[[Facts], Pairs]]] = {
    "machine": ("Machine", _machine),
    "gpu": ("GPU", _gpu),
    "libraries": ("Libraries", _libraries),
    "video": ("Video", _video),
    "models": ("Models", _models),
    "graphs": ("Stage graphs", _graphs),
    "engines": ("Engines", _engines),
}


def _gpu_words(gpu: Gpu) -> str:
    words = f"{gpu.name}, sm{gpu.capability}"
    if gpu.memory_total_bytes is None:
        return f"{words}, memory not told"
    return f"{words}, {_free(gpu.memory_free_bytes, gpu.memory_total_bytes)}"


def _state(library: Probed) -> str:
    if not library.installed:
        return "not installed"
    return library.version if library.loads else "does not load"


def _flavour_words(flavour: Flavour) -> str:
    targets = ", ".join(f"sm{capability}" for capability in flavour.capabilities)
    return _state(flavour) + (f", builds for {targets}" if targets else "")


def _provider_words(provider: Provider) -> str:
    return f"{provider.name}: " + ("runs" if provider.runs else f"does not run ({provider.reason})")


def _model_words(model: ModelState) -> str:
    pin = {"published": "hash published", "pinned": "hash pinned", "none": "hash not known yet"}[model.hash]
    formats = [f"your own {name}" if name in model.own else name for name in model.here]
    return f"here ({', '.join(formats)}), {pin}"


def _engine_words(engine: EngineState) -> str:
    return engine.name + (f": {engine.reason}" if engine.reason else "")


def _free(free_bytes: int | None, total_bytes: int | None) -> str:
    if total_bytes is None:
        return "unknown"
    if free_bytes is None:
        return f"{total_bytes / 1e9:.1f} GB"
    return f"{free_bytes / 1e9:.1f} of {total_bytes / 1e9:.1f} GB free"
