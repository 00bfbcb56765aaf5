"""What a stage graph's file says, for libraries that keep neither its description nor its sizes' names."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.errors import InputError
from trt_anime.framing import framing_of
from trt_anime.runtime.sessions.api import Binding
from trt_anime.runtime.sessions.bindings import ANY
from trt_anime.stage import StageInfo

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Description:
    """A stage graph, without its weights.

    Attributes:
        nodes: name and operator of each.
        shape_nodes: names of the nodes that compute on sizes only: on `Shape`, `Size` and constants.
    """

    info: StageInfo
    inputs: tuple[Binding, ...]
    outputs: tuple[Binding, ...]
    nodes: tuple[tuple[str, str], ...]
    shape_nodes: frozenset[str]


def description(path: Path) -> Description:
    """Read a stage graph. Raises InputError: it isn't one."""
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise no_file(path) from error
    except Exception as error:  # protobuf's DecodeError has no public home that stays put
        raise InputError(f"{path}: is not an ONNX graph that can be read ({error})") from error
    graph = model.graph
    constants = {value.name for value in graph.initializer}
    return Description(
        info=StageInfo.from_metadata({item.key: item.value for item in model.metadata_props}, source=path),
        inputs=tuple(_binding(value) for value in graph.input if value.name not in constants),
        outputs=tuple(_binding(value) for value in graph.output),
        nodes=tuple((node.name, node.op_type) for node in graph.node),
        shape_nodes=_shape_nodes(graph.node, constants),
    )


def own_size(path: Path, size: tuple[int, int]) -> tuple[int, int] | None:
    """(height, width) of the frames that a graph takes of a clip whose frames are `size`.

    None where it sees no frames; `size` where the file can't be read, which a session tells better.
    """
    import onnx

    try:
        framing = framing_of(onnx.load(path, load_external_data=False).graph)
    except Exception:  # protobuf's own, too
        return size
    return size if framing.is_free else framing.size


def no_file(path: Path) -> InputError:
    """The one sentence for a graph that isn't there."""
    return InputError(f"{path}: no such file; run `trt-anime export` to make a stage graph")


def _shape_nodes(nodes: "Iterable[onnx.NodeProto]", constants: set[str]) -> frozenset[str]:
    known = {*constants, ""}
    found = set()
    for node in nodes:  # in topological order, as ONNX demands
        if node.op_type in ("Shape", "Size") or known.issuperset(node.input):
            known.update(node.output)
            found.add(node.name)
    return frozenset(found - {""})


def _binding(value: "onnx.ValueInfoProto") -> Binding:
    import onnx

    tensor = value.type.tensor_type
    sizes = (
        size.dim_param or (size.dim_value if size.HasField("dim_value") else ANY)
        for size in tensor.shape.dim
    )
    return Binding(value.name, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type), tuple(sizes))
