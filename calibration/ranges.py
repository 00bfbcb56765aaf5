"""Calibration: which range of each value the integers should cover.

One pass over the frames gives a histogram of every value that may be quantized; three methods read a range
out of it. Ranges are data: both writings of Q/DQ (for TensorRT and for CPUs) come from the same ones.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.errors import InputError

Method = Literal["minmax", "percentile", "entropy"]
METHODS: tuple[Method, ...] = get_args(Method)

Range = tuple[float, float]
Ranges = Mapping[str, Range]

PERCENTILE = 99.99
_BINS = 2048
# ONNX Runtime's search for the entropy's threshold takes time with the square of the bins.
_ENTROPY_BINS = 512
# Of each value, this many elements a frame go into the histogram; extremes are taken over all.
_MOST_ELEMENTS = 1 << 18
_ENDS = {"/least": "ReduceMin", "/largest": "ReduceMax"}

Inputs = Sequence[Mapping[str, NDArray[Any]]]


def value_ranges(
    network: onnx.ModelProto, names: Iterable[str], inputs: Inputs
) -> dict[Method, dict[str, Range]]:
    """Range of each value by each method, over all inputs of the network.

    ``minmax``: all that occurred. ``percentile``: without the outermost 0.01 % of the values.
    ``entropy``: the range whose integers lose the least information, by Kullback-Leibler divergence
    (S. Migacz, "8-bit inference with TensorRT", GTC 2017). All hold 0.

    Raises:
        InputError: there are no inputs, they show nothing, or a value isn't finite.
    """
    if not inputs:
        raise InputError("calibration frames: there are none; choose a longer clip")
    if all(_is_flat(array) for arrays in inputs for array in arrays.values()):
        raise InputError("calibration frames: they show nothing; choose a clip with characters in it")
    values = Values(network, list(dict.fromkeys(names)))
    extremes = _extremes(values, inputs)
    histograms = _histograms(values, inputs, extremes)
    return {
        "minmax": extremes,
        "percentile": _computed("percentile", histograms, extremes),
        "entropy": _computed("entropy", histograms, extremes),
    }


def scale_of(limits: Range, *, symmetric: bool) -> tuple[float, int]:
    """Scale and zero point: int8 -127..127 in a scale that FP16 holds if symmetric, else uint8 0..255."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    if symmetric:
        return float(up_to_half(np.float32(max(-low, high, 1e-12) / 127))), 0
    scale = max(high - low, 1e-12) / 255
    return scale, round(-low / scale)


def up_to_half(scales: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """The next numbers that FP16 holds, as FP32. Q/DQ for TensorRT becomes FP16 with what it stands in.

    Rounded down, a scale would clip the largest value, or be 0.
    """
    half = np.asarray(scales).astype(np.float16)
    return np.where(half < scales, np.nextafter(half, np.float16(np.inf)), half).astype(np.float32)


class Values:
    """The network with these FP32 values as outputs; of what is its input already, the input."""

    def __init__(self, network: onnx.ModelProto, names: list[str]) -> None:
        from onnxruntime import InferenceSession

        given = {value.name for value in network.graph.input}
        self._given = [name for name in names if name in given]
        self._computed = [name for name in names if name not in given]
        model = onnx.ModelProto()
        model.CopyFrom(network)
        present = {value.name for value in model.graph.output}
        model.graph.output.extend(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in self._computed
            if name not in present
        )
        self._session: Any = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def of(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        computed = self._session.run(self._computed, dict(arrays)) if self._computed else []
        found = dict(zip(self._computed, computed, strict=True))
        return found | {name: arrays[name] for name in self._given}


class Reaches:
    """The largest magnitude of each of these FP32 values of the network, or inputs, found on the way.

    No value outlives the node that reads it last, as they would all at once as outputs: a detector has
    17 GB of them at 720p.
    """

    def __init__(self, network: onnx.ModelProto, names: Collection[str]) -> None:
        from onnxruntime import ExecutionOrder, GraphOptimizationLevel, InferenceSession, SessionOptions

        options = SessionOptions()
        # Nodes run in the graph's order, and stay what they are.
        options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
        options.execution_order = ExecutionOrder.PRIORITY_BASED
        model = _with_extremes(network, {*names})
        self._names = list(names)
        self._session: Any = InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def of(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        """0 of a value without elements. ONNX Runtime may pass over what isn't a number."""
        asked = [f"{name}{end}" for name in self._names for end in _ENDS]
        found = [float(value) for value in self._session.run(asked, dict(arrays))]
        pairs = zip(found[::2], found[1::2], strict=True)
        reaches = (float(np.max([high, -low, 0.0])) for low, high in pairs)
        return dict(zip(self._names, reaches, strict=True))


def _with_extremes(network: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """Their least and largest as the outputs, each right behind the node that gives the value."""
    model = onnx.ModelProto()
    model.CopyFrom(network)
    graph = model.graph
    nodes = [*_extremes_of(value.name for value in graph.input if value.name in names)]
    for node in network.graph.node:
        nodes += [node, *_extremes_of(name for name in node.output if name in names)]
    for field, values in ("node", nodes), ("output", _scalars(names)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    return model


def _extremes_of(names: Iterable[str]) -> Iterator[onnx.NodeProto]:
    for name in names:
        for end, operator in _ENDS.items():
            yield onnx.helper.make_node(operator, [name], [name + end], name=name + end, keepdims=0)


def _scalars(names: Iterable[str]) -> Iterator[onnx.ValueInfoProto]:
    for name in names:
        for end in _ENDS:
            yield onnx.helper.make_tensor_value_info(name + end, onnx.TensorProto.FLOAT, [])


def _extremes(values: Values, inputs: Inputs) -> dict[str, Range]:
    found: dict[str, Range] = {}
    for arrays in inputs:
        for name, array in values.of(arrays).items():
            low, high = float(array.min(initial=0)), float(array.max(initial=0))
            if not (isfinite(low) and isfinite(high)):
                raise InputError(
                    f"calibration: the value {name} isn't finite in FP32; the checkpoint is damaged,"
                    " fetch it again"
                )
            lowest, highest = found.get(name, (0.0, 0.0))
            found[name] = (min(low, lowest), max(high, highest))
    return found


def _is_flat(array: NDArray[Any]) -> bool:
    """Whether it is one value, or one for each channel: `array` is [batch, channels, ...] then."""
    axes = tuple(range(2, array.ndim)) or None
    return bool((array.min(axes) == array.max(axes)).all())


def _histograms(
    values: Values, inputs: Inputs, extremes: Mapping[str, Range]
) -> dict[str, NDArray[np.int64]]:
    counts = {name: np.zeros(_BINS, np.int64) for name in extremes}
    for arrays in inputs:
        for name, array in values.of(arrays).items():
            reach = max(-extremes[name][0], extremes[name][1])
            sample = array.reshape(-1)[:: 1 + array.size // _MOST_ELEMENTS]
            counts[name] += np.histogram(sample, _BINS, range=(-reach, reach))[0] if reach else 0
    return counts


def _computed(
    method: Method, histograms: Mapping[str, NDArray[np.int64]], extremes: Mapping[str, Range]
) -> dict[str, Range]:
    """By ONNX Runtime, which keeps (counts, edges, lowest, highest, reach) of each value."""
    from onnxruntime.quantization.calibrate import HistogramCollector

    bins = _ENTROPY_BINS if method == "entropy" else _BINS
    collector = HistogramCollector(method, False, bins, 128, PERCENTILE, "same")
    for name, counts in histograms.items():
        low, high = (np.float32(limit) for limit in extremes[name])
        reach = np.float32(max(-low, high))
        if not reach:
            continue
        merged = counts.reshape(bins, -1).sum(axis=1)
        edges = np.linspace(-reach, reach, bins + 1, dtype=np.float32)
        collector.histogram_dict[name] = (merged, edges, low, high, reach)
    if not collector.histogram_dict:  # it takes none for a mistake
        return dict(extremes)
    with redirect_stdout(StringIO()):  # it prints what it does
        found = collector.compute_collection_result()
    return {
        name: _within(found[name][:2], limits) if name in found else limits
        for name, limits in extremes.items()
    }


def _within(limits: Iterable[Any], extremes: Range) -> Range:
    """Bins are wider than the last value in them; and a range without 0 has no zero point."""
    low, high = (float(np.asarray(value).reshape(-1)[0]) for value in limits)
    return max(min(low, 0.0), extremes[0]), min(max(high, 0.0), extremes[1])
