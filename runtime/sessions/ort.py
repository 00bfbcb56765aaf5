"""ONNX Runtime, for the CPU and the CUDA session: loading, errors, and who really runs each node."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.runtime.sessions.bindings import ANY
from trt_anime.runtime.sessions.onnx_file import no_file
from trt_anime.stage import StageInfo

CPU = "CPUExecutionProvider"

# What ONNX Runtime raises for a file that isn't a graph, against one that it can't run.
_NOT_A_GRAPH = ("InvalidProtobuf", "InvalidGraph", "InvalidArgument")

# ONNX Runtime's names of types, where they differ from numpy's.
_TYPES = {"float": "float32", "double": "float64"}


@dataclass(frozen=True)
class Node:
    """A node of a graph and the provider that runs it."""

    name: str
    kind: str
    provider: str


@dataclass(frozen=True)
class Loaded:
    """A stage graph in ONNX Runtime."""

    session: Any
    info: StageInfo
    origin: Origin
    inputs: tuple[Binding, ...]
    outputs: tuple[Binding, ...]


def onnxruntime(*, extra: str) -> Any:
    """The module. Raises MissingError, which names the extra of this package that brings it."""
    try:
        import onnxruntime as module
    except ImportError as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # its C code makes an ImportError of Ctrl-C
            raise KeyboardInterrupt from error
        raise MissingError(
            f"ONNX Runtime is missing; it needs `pip install 'trt-anime[{extra}]'`"
        ) from error
    module.set_default_logger_severity(4)  # its log lines would stand beside our one sentence
    return module


def loaded(
    graph: Path,
    options: Any,
    *,
    provider: str,
    provider_options: dict[str, str],
    extra: str,
    model: bytes | str = "",
) -> Loaded:
    """Load a stage graph with one provider; ONNX Runtime adds its CPU provider to it by itself.

    Args:
        model: what is loaded instead of the file, where it was rewritten.

    Raises:
        InputError: not a stage graph.
        MissingError: this ONNX Runtime hasn't the provider, or could not start it.
        EngineError: ONNX Runtime refuses the graph.
    """
    module = onnxruntime(extra=extra)
    if provider not in module.get_available_providers():
        raise MissingError(
            f"ONNX Runtime {module.__version__} has no {provider} here; it needs"
            f" `pip install 'trt-anime[{extra}]'`, without another onnxruntime package beside it"
        )
    try:
        session = module.InferenceSession(
            model or str(graph), options, providers=[(provider, provider_options)]
        )
    except Exception as error:  # ONNX Runtime's classes share no base but Exception
        raise _load_error(graph, error) from error
    require_started(session, provider, graph)
    info = StageInfo.from_metadata(session.get_modelmeta().custom_metadata_map, source=graph)
    library = f"onnxruntime {module.__version__}"
    return Loaded(
        session,
        info=info,
        origin=Origin(graph, sha256_of(graph), library, provider, info.precision),
        inputs=tuple(_binding(value, graph) for value in session.get_inputs()),
        outputs=tuple(_binding(value, graph) for value in session.get_outputs()),
    )


def require_started(session: Any, provider: str, graph: Path) -> None:
    """ONNX Runtime carries on with the CPU where a provider's libraries don't load.

    Raises:
        MissingError: `provider` isn't the session's first.
    """
    first = session.get_providers()[0]
    if first != provider:
        raise MissingError(
            f"{graph}: ONNX Runtime could not start {provider} and would silently run on {first}; install"
            " CUDA 13 and cuDNN 9 and look whether the driver answers (`nvidia-smi`), or use --device cpu"
        )


def nodes_of(session: Any) -> list[Node]:
    """Every node and the provider that it was given to.

    The session was made with the configuration ``session.record_ep_graph_assignment_info`` = 1.
    """
    return [
        Node(node.name, node.op_type, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]


def require_provider(
    nodes: Iterable[Node], provider: str, *, shape_nodes: frozenset[str], graph: Path
) -> None:
    """Raises EngineError: other nodes than `shape_nodes` run elsewhere; it names them.

    Sizes are on the host anyway. ONNX Runtime puts the arithmetic on them on the CPU on purpose, whatever
    the provider, and no pixel crosses the bus for it.
    """
    strays = [node for node in nodes if node.provider != provider and node.name not in shape_nodes]
    if strays:
        listed = ", ".join(f"{node.name} ({node.kind})" for node in strays[:6])
        more = f" and {len(strays) - 6} more" if len(strays) > 6 else ""
        raise EngineError(
            f"{graph}: {provider} can't run {len(strays)} of its nodes, which would fall back to"
            f" {strays[0].provider}: {listed}{more}; allow that with --allow-cpu-nodes, or use --device cpu"
        )


def binding_of(
    loaded: Loaded, tensors: Mapping[str, Tensor], addresses: Mapping[str, int], *, place: str, ordinal: int
) -> Any:
    """ONNX Runtime's I/O binding: it reads and writes at these addresses, nothing is copied."""
    binding = loaded.session.io_binding()
    for bindings, bind in ((loaded.inputs, binding.bind_input), (loaded.outputs, binding.bind_output)):
        for name in (item.name for item in bindings):
            tensor = tensors[name]
            bind(name, place, ordinal, tensor.dtype.type, tensor.shape, addresses[name])
    return binding


def reason(error: Exception) -> str:
    """The part of ONNX Runtime's message after its codes, on one line and not too long."""
    text = " ".join(str(error).split())
    text = text.split(" : ", 3)[-1] if text.startswith("[ONNXRuntimeError]") else text
    return text if len(text) <= 200 else text[:197] + "..."


def _binding(value: Any, graph: Path) -> Binding:
    match = re.fullmatch(r"tensor\((\w+)\)", value.type)
    try:
        kind = np.dtype(_TYPES.get(match[1], match[1]) if match else value.type)
    except TypeError:
        raise InputError(f"{graph}: `{value.name}` is a {value.type}, which no stage has") from None
    # A free size without a name is None.
    return Binding(value.name, kind, tuple(ANY if size is None else size for size in value.shape))


def _load_error(graph: Path, error: Exception) -> InputError | EngineError:
    if not graph.is_file():
        return no_file(graph)
    if type(error).__name__ in _NOT_A_GRAPH:
        return InputError(f"{graph}: is not an ONNX graph that can be read ({reason(error)})")
    return EngineError(f"{graph}: ONNX Runtime refused it ({reason(error)})")
