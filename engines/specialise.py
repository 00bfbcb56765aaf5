"""A stage graph takes frames of any size; an engine takes one. This pins it and folds what follows."""

from pathlib import Path

import onnx

from trt_anime.errors import EngineError
from trt_anime.hollow import fill, hollow, weight_files, weights_of
from trt_anime.nodes import graphs_of, is_own, opset_of, walk
from trt_anime.stage import SIZE, StageInfo

# Of what onnxslim does besides folding. It would rename nodes, move last digits and take its time.
_LEFT_TO_TENSORRT = ("graph_fusion", "subexpression_elimination", "weight_tying")


def specialised(model: onnx.ModelProto, *, height: int, width: int) -> onnx.ModelProto:
    """The graph for frames of one size in pixels; the batch stays as free as it was.

    Dimensions named ``height`` and ``width`` of inputs and outputs are pinned, and those that the graph's
    description of itself has a capacity for; the input ``size``, where there is one, becomes a constant, as
    does the arithmetic on all of them. Computes the same values; `model` is left unchanged. Metadata and
    the names of the nodes that stay are kept. Weights that lie beside the graph stay there, and nothing is
    folded into them.

    Raises:
        EngineError: a size still depends on something other than the batch.
    """
    import onnxslim

    beside = weight_files(model, Path("graph"))
    result = hollow(model) if beside else _copied(model)
    _pin(result, {"height": height, "width": width, **_capacity(model)})
    _fix_size(result.graph, height, width)
    _drop_unused_outputs(result)
    more = True
    while more:
        result, _ = _with_known_shapes(result)
        result = onnxslim.slim(result, skip_optimizations=list(_LEFT_TO_TENSORRT))
        result, more = _with_known_shapes(result)
    if beside:
        fill(result, weights_of(model))
    _check_sizes(result)
    return result


def _copied(model: onnx.ModelProto) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return result


def _pin(model: onnx.ModelProto, sizes: dict[str, int]) -> None:
    for value in (*model.graph.input, *model.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in sizes:
                dimension.dim_value = sizes[dimension.dim_param]
    del model.graph.value_info[:]  # was inferred for a free size


def _capacity(model: onnx.ModelProto) -> dict[str, int]:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not metadata:
        return {}
    return StageInfo.from_metadata(metadata, source=Path(model.graph.name)).capacity


def _fix_size(graph: onnx.GraphProto, height: int, width: int) -> None:
    """The frame's size, which graphs take as values if they take no frame."""
    for index, value in enumerate(graph.input):
        if value.name == SIZE:
            del graph.input[index]
            graph.initializer.append(
                onnx.helper.make_tensor(SIZE, onnx.TensorProto.INT64, [2], [height, width])
            )
            return


def _drop_unused_outputs(model: onnx.ModelProto) -> None:
    """Spox names every output there can be, and TensorRT refuses MaxPool's second one."""
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    used = {name for placed in walk(model) for name in placed.node.input}
    used |= {value.name for graph in graphs_of(model.graph) for value in graph.output}
    opset = opset_of(model)
    for node in model.graph.node:
        if not (is_own(node.domain) and onnx.defs.has(node.op_type, opset, "")):
            continue
        declared = onnx.defs.get_schema(node.op_type, opset, "").outputs
        for output in declared[: len(node.output)][::-1]:
            if len(node.output) > len(declared) or output.option != optional or node.output[-1] in used:
                break
            del node.output[-1]


def _with_known_shapes(model: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    """Every `Shape` of known dimensions as a constant, and whether there was one.

    onnxslim leaves those whose batch is free, even where they slice the batch off.
    """
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    dims = {value.name: _dims(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    known = {
        node.output[0]: found
        for node in graph.node
        if node.op_type == "Shape" and (found := _known_shape(node, dims))
    }
    kept = [node for node in graph.node if node.op_type != "Shape" or node.output[0] not in known]
    rest = onnx.GraphProto()
    rest.node.extend(kept)
    graph.ClearField("node")
    graph.node.extend(rest.node)
    for name, value in known.items():
        graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [len(value)], value))
    return model, bool(known)


def _dims(value: onnx.ValueInfoProto) -> list[int | None]:
    """Dimensions of a tensor, None for the free ones; an empty list if nothing is known."""
    return [
        dimension.dim_value if dimension.HasField("dim_value") else None
        for dimension in value.type.tensor_type.shape.dim
    ]


def _known_shape(node: onnx.NodeProto, dims: dict[str, list[int | None]]) -> list[int] | None:
    limits = {attribute.name: attribute.i for attribute in node.attribute}
    selected = dims.get(node.input[0], [])[limits.get("start", 0) : limits.get("end")]
    known = [size for size in selected if size is not None]
    return known if known and len(known) == len(selected) else None


def _check_sizes(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        if None in _dims(value)[1:]:
            raise EngineError(
                f"the graph's {value.name!r} has no fixed size after height and width were pinned; "
                "only its first dimension, the batch, may be free"
            )
