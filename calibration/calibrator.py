"""From a stage graph and frames to a typed graph that is near enough to FP32, or to why it isn't."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.calibration.fp16 import LARGEST_VALUE
from trt_anime.calibration.islands import between, known_islands
from trt_anime.calibration.network import before_network, network_of, with_network
from trt_anime.calibration.parity import Comparison, Run, compare, run_with_onnxruntime
from trt_anime.calibration.qdq import values_to_calibrate
from trt_anime.calibration.ranges import METHODS, Inputs, Method, Range, Ranges, value_ranges
from trt_anime.calibration.sensitivity import LayerError, worst_layers
from trt_anime.calibration.shares import precision_share
from trt_anime.calibration.switches import Float8, Half, Int8, Rounding, Switchboard, layers_of
from trt_anime.calibration.typing_network import network_in
from trt_anime.errors import EngineError
from trt_anime.hollow import fill, hollow, weights_of
from trt_anime.stage import StageInfo
from trt_anime.typed import Form, Kept

Arrays = Mapping[str, NDArray[Any]]
Say = Callable[[str], None]

# Error of the network's outputs below which a group of layers isn't looked into: a twenty-fifth of what a
# matte may lose in all.
NEGLIGIBLE = {"fp16": 2e-4, "int8": 1e-3, "fp8": 1e-3}
# With more of the network than this in higher precision, the lower one isn't worth having.
_MOST_KEPT = 0.5
_BETWEEN = "stands between nodes that are kept, and would round what they hand on"
_TOO_LARGE = f"left out by AutoCast: values above {LARGEST_VALUE:g} on these frames, or no form in FP16"


@dataclass(frozen=True, eq=False)
class Source:
    """A stage graph, and the frames that it is calibrated and judged on.

    Attributes:
        calibration, validation: inputs of the stage graph for one frame each.
    """

    path: Path
    info: StageInfo
    model: onnx.ModelProto
    calibration: Sequence[Arrays]
    validation: Sequence[Arrays]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What came out.

    Attributes:
        model: the typed stage graph.
        method: that found the ranges; ``autocast`` for FP16.
        kept: nodes in higher precision, with the reason.
        comparison: with FP32, on the validation frames; it may have failed.
    """

    model: onnx.ModelProto
    method: str
    kept: tuple[Kept, ...]
    comparison: Comparison
    shares: dict[str, float]


@dataclass(frozen=True)
class _Wanted:
    precision: str
    form: Form
    ranges: Ranges | None

    @property
    def rounding(self) -> Rounding:
        return _rounding(self.precision, self.form, self.ranges)


@dataclass(frozen=True, eq=False)
class _Attempt:
    model: onnx.ModelProto
    kept: dict[str, str]
    comparison: Comparison

    @property
    def passed(self) -> bool:
        return self.comparison.parity.passed


class Calibrator:
    """Calibrates one stage graph, for one precision after the other; what they share is computed once."""

    def __init__(self, source: Source, *, say: Say, search: bool = True) -> None:
        """`search`: look for layers to keep out where parity doesn't hold; a network of random weights
        has none, and the search would not end.

        Raises EngineError: the graph has no part named as the network.
        """
        self._source, self._say, self._search = source, say, search
        before = run_with_onnxruntime(before_network(source.model))
        self._inputs: Inputs = [before(frame) for frame in source.calibration]
        self._exact: Arrays | None = None  # the network's outputs on the first frame, nothing rounded
        self._reference = answers(run_with_onnxruntime(source.model), source.validation)
        self._network = _with_shapes(network_of(source.model))
        self._ranges: dict[Form, dict[Method, dict[str, Range]]] = {}
        self._islands: dict[str, str] | None = None

    def calibrated(self, precision: str, *, form: Form, method: Method | None = None) -> Calibrated:
        """The typed graph of least loss found: the worst layers are kept out until parity holds.

        What INT8 and FP8 for TensorRT don't quantize is FP16, and keeps the nodes in FP32 that ``fp16``
        keeps; so they calibrate that first, if it wasn't yet.

        Args:
            precision: ``fp16``, ``int8`` or ``fp8``.
            form: who will run it; ``cpu`` is for INT8 alone.
            method: that finds the ranges; None takes the one with the least error.

        Raises:
            EngineError: the network can't be written in this precision.
            InputError: the frames show nothing.
            MissingError: ModelOpt isn't installed.
        """
        if form == "tensorrt" and precision != "fp16" and self._islands is None:
            self.calibrated("fp16", form="tensorrt")
        ranges, used = self._chosen_ranges(precision, form, method)
        wanted = _Wanted(precision, form, ranges)
        best = self._tried(wanted, self._known(precision))
        if not best.passed and self._search:
            for kept in self._more(wanted, best.kept):
                attempt = self._tried(wanted, kept)
                if attempt.passed or _loss(attempt.comparison) < _loss(best.comparison):
                    best = attempt
                if best.passed:
                    break
        if precision == "fp16":
            self._islands = best.kept
        shares = precision_share(network_of(best.model))
        return Calibrated(best.model, used, _rows(best.kept), best.comparison, shares)

    def _known(self, precision: str) -> dict[str, str]:
        names = frozenset(node.name for node in self._network.graph.node)
        return known_islands(self._source.info.model, precision, names)

    def _chosen_ranges(
        self, precision: str, form: Form, method: Method | None
    ) -> tuple[Ranges | None, str]:
        if precision == "fp16":
            return None, "autocast"
        if not layers_of(self._network, products_only=True):
            raise EngineError(
                f"{precision}: the network has no convolution or matrix product with constant weights, so"
                " there is nothing to quantize; use fp16"
            )
        if form not in self._ranges:
            names = values_to_calibrate(self._network, form=form)
            self._ranges[form] = value_ranges(self._network, names, self._inputs)
        found = self._ranges[form]
        chosen = method or self._best_method(precision, form, found)
        return found[chosen], chosen

    def _best_method(self, precision: str, form: Form, found: Mapping[Method, dict[str, Range]]) -> Method:
        kept = self._known(precision)
        errors = {name: self._error(_rounding(precision, form, found[name]), kept) for name in METHODS}
        self._say(f"ranges: {', '.join(f'{name} {error:.2%}' for name, error in errors.items())} off")
        return min(METHODS, key=errors.__getitem__)

    def _error(self, rounding: Rounding, kept: Collection[str]) -> float:
        board = Switchboard(self._network, rounding)
        return self._error_of(board, [name for name in board.layers if name not in kept])

    def _error_of(self, board: Switchboard, layers: Collection[str]) -> float:
        """Of the network's outputs with these layers rounded: sum of differences over sum of values."""
        if self._exact is None:
            self._exact = board.run(self._inputs[0], ())
        rounded = board.run(self._inputs[0], layers)
        errors = [
            np.abs(rounded[name] - value).sum() / max(np.abs(value).sum(), 1e-12)
            for name, value in self._exact.items()
        ]
        return float(np.max(errors))  # Python's own max may lose a NaN

    def _more(self, wanted: _Wanted, kept: dict[str, str]) -> Iterator[dict[str, str]]:
        """What to keep besides: the worst layer, the two, four, ... worst."""
        board = Switchboard(self._network, wanted.rounding)
        rest = [name for name in board.layers if name not in kept]
        self._say(f"{wanted.precision}: measuring which of {len(rest)} layers suffer")
        worst = worst_layers(
            lambda layers: self._error_of(board, layers), rest, negligible=NEGLIGIBLE[wanted.precision]
        )[: int(_MOST_KEPT * len(board.layers))]
        count = 1
        while count // 2 < len(worst):
            yield kept | {layer.layer: _reason(layer) for layer in worst[:count]}
            count *= 2

    def _tried(self, wanted: _Wanted, kept: dict[str, str]) -> _Attempt:
        half = wanted.precision == "fp16"
        if half:
            kept = dict.fromkeys(between(self._network, kept), _BETWEEN) | kept
        typed = network_in(
            wanted.precision,
            self._network,
            form=wanted.form,
            kept=() if half else kept,
            islands=kept if half else self._islands or (),
            ranges=wanted.ranges,
            inputs=self._inputs if half else None,
        )
        kept = dict.fromkeys(typed.single, _TOO_LARGE) | kept
        model = with_network(self._source.model, typed.model)
        comparison = compare(
            self._reference,
            run_with_onnxruntime(model),
            self._source.validation,
            stage=self._source.info.stage,
            precision=wanted.precision,
            reference_name="fp32 graph, ONNX Runtime CPU",
            candidate_name=f"{wanted.precision} graph, ONNX Runtime CPU",
        )
        self._say(f"{wanted.precision}: {len(kept)} nodes kept out, {_words(comparison)}")
        return _Attempt(model, kept, comparison)


def _rounding(precision: str, form: Form, ranges: Ranges | None) -> Rounding:
    if ranges is None:
        return Half()
    return Float8(ranges) if precision == "fp8" else Int8(ranges, symmetric=form == "tensorrt")


def answers(run: Run, frames: Sequence[Arrays]) -> Run:
    """What `run` gives for these frames, and nothing else: FP32 is the same for every attempt, and what
    computes it can be given back."""
    known = {id(frame): run(frame) for frame in frames}
    return lambda frame: known[id(frame)]


def _with_shapes(network: onnx.ModelProto) -> onnx.ModelProto:
    result = onnx.shape_inference.infer_shapes(hollow(network))
    fill(result, weights_of(network))
    return result


def _rows(kept: Mapping[str, str]) -> tuple[Kept, ...]:
    return tuple(Kept(node, reason) for node, reason in kept.items())


def _reason(layer: LayerError) -> str:
    return f"alone it changes the network's outputs by {layer.error:.2%}"


def _loss(comparison: Comparison) -> float:
    """How far beyond its limit the worst metric is; for choosing among attempts that all fail."""
    return max(
        _excess(m.value, m.limit, m.better) for m in comparison.parity.metrics if m.limit is not None
    )


def _excess(value: float, limit: float, better: str) -> float:
    if value != value:
        return float("inf")
    return value / max(limit, 1e-9) if better == "lower" else limit / max(value, 1e-9)


def _words(comparison: Comparison) -> str:
    metrics = [m for m in comparison.parity.metrics if m.limit is not None]
    return ", ".join(f"{m.name} {m.value:.3g} (limit {m.limit:g})" for m in metrics)
