"""torch.onnx.export, quiet, with one error."""

import contextlib
import gc
import io
import logging
import secrets
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import onnx
import onnx_ir as ir
import torch
from torch import Tensor, nn

from trt_anime.errors import ExportError
from trt_anime.export.check import let_go
from trt_anime.export.external import folder_aside, to_next_page
from trt_anime.export.parts import OPSET
from trt_anime.files import output_error
from trt_anime.hollow import LARGE_BYTES

_Kind = TypeVar("_Kind")

_TRACE = "pkg.torch.onnx.stack_trace"

# The batch of every network.
BATCH = torch.export.Dim("batch", min=1, max=64)

Axes = Mapping[int, object]


def onnx_from_module(
    module: nn.Module,
    example: Tensor,
    *,
    output: str,
    dynamic: Axes,
    name: str,
) -> onnx.ModelProto:
    """Export: input ``image``, one `output`, opset 20.

    Args:
        example: an input; at least 2 where a length is free.
        dynamic: the free axes of the input and their `torch.export.Dim`.
        name: of the model, for the error.

    Raises:
        ExportError: torch's exporter gave up.
    """
    return onnx_from_inputs(module, {"image": (example, dynamic)}, outputs=[output], name=name)


def onnx_from_inputs(
    module: nn.Module, inputs: Mapping[str, tuple[Tensor, Axes]], *, outputs: Sequence[str], name: str
) -> onnx.ModelProto:
    """`onnx_from_module` for several inputs, of each an example and its free axes, and several outputs."""
    with exporting(name):
        program = torch.onnx.export(
            module,
            tuple(example for example, _ in inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple(dict(axes) for _, axes in inputs.values()),
            verbose=False,
        )
    assert program is not None
    model = model_of(program)
    _require_free(model, {input: axes for input, (_, axes) in inputs.items()}, name)
    return model


def model_of(program: torch.onnx.ONNXProgram) -> onnx.ModelProto:
    """The graph that was exported; the program is of no use after it.

    Its large weights are where `weights_aside` says.
    """
    folder = folder_aside()
    if folder is not None:
        _put_aside(program.model.graph, folder)
    model = program.model_proto
    for value in program.model.graph.initializers.values():
        value.const_value = None
    program.exported_program = None
    _forget_graph()
    _forget_sources(model.graph)
    return model


def _forget_graph() -> None:
    """The exporter's rewriting rules hold the last graph that they looked at, so to the end of the process.

    It loses what it was traced from, which points at all that was traced, and values that the optimizer
    took out of it lose the weights that they still have.
    """
    for value in _instances(ir.Value):
        value.meta.clear()
        if value.graph is None:
            value.const_value = None
    for node in _instances(ir.Node):
        node.meta.clear()
    let_go()


def _instances(kind: type[_Kind]) -> list[_Kind]:
    """All that there are, of subclasses too: they refer to their class.

    A list of all objects, to look for them in, would take more memory than many a network.
    """
    found: list[_Kind] = [one for one in gc.get_referrers(kind) if type(one) is kind]
    for more in kind.__subclasses__():
        found += _instances(more)
    return found


def _forget_sources(graph: onnx.GraphProto) -> None:
    """Drop the lines of Python that each node comes from: a graph would be another one in every folder that
    we are installed in, and its file would tell where that is."""
    for node in graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != _TRACE]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


def _put_aside(graph: ir.Graph, folder: Path) -> None:
    """Write large weights to a file of their own, one at a time. Raises OutputError."""
    path = folder / f"{secrets.token_hex(6)}.weights"
    try:
        with path.open("wb") as file:
            for value in graph.initializers.values():
                tensor: Any = value.const_value  # its protocol lacks what all of its classes have
                if tensor is None or tensor.nbytes <= LARGE_BYTES:
                    continue
                offset = to_next_page(file)
                tensor.tofile(file)
                value.const_value = ir.ExternalTensor(
                    path.name,
                    offset,
                    tensor.nbytes,
                    tensor.dtype,
                    shape=tensor.shape,
                    name=tensor.name or "",
                    base_dir=folder,
                )
    except OSError as error:
        raise output_error(path, error) from error


def _require_free(model: onnx.ModelProto, wanted: Mapping[str, Axes], name: str) -> None:
    """The exporter falls back to the example's lengths without a word."""
    for value in model.graph.input:
        for axis in wanted[value.name]:
            if value.type.tensor_type.shape.dim[axis].HasField("dim_value"):
                raise ExportError(
                    f"{name}: torch.onnx.export fixed axis {axis} of `{value.name}`, which is to be free;"
                    " report it with --debug"
                )


@contextlib.contextmanager
def exporting(name: str) -> Iterator[None]:
    """Calls of torch's exporter, quiet. Raises ExportError, which names the model, when they raise."""
    try:
        with quiet_exporter():
            yield
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"{name}: torch.onnx.export gave up ({reason}); report it with --debug"
        ) from error


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """torch's exporter reports its steps on stdout and warns about its own internals; not in here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
