"""From a stage graph and frames to a typed graph near enough to FP32, or the reason why it is not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.calibration.islands import known_islands
from trt_anime.calibration.network import before_network, network_of, with_network
from trt_anime.calibration.parity import Comparison, Run, compare, run_with_onnxruntime
from trt_anime.calibration.qdq import values_to_calibrate
from trt_anime.calibration.ranges import METHODS, Inputs, Method, Ranges, value_ranges
from trt_anime.calibration.sensitivity import LayerError, worst_layers
from trt_anime.calibration.shares import precision_share
from trt_anime.calibration.switches import Float8, Half, Int8, Rounding, Switchboard
from trt_anime.calibration.typing_network import network_in
from trt_anime.stage import StageInfo
from trt_anime.typed import Form, Kept

Arrays = Mapping[str, NDArray[Any]]
Say = Callable[[str], None]

# Error of the network's outputs below which a group of layers isn't looked into: a twenty-fifth of what a
# matte may lose in all.
_NEGLIGIBLE = {"fp16": 2e-4, "int8": 1e-3, "fp8": 1e-3}
# With more of the network than this in higher precision, the lower one isn't worth having.
_MOST_KEPT = 0.5


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


class Calibrator:
    """Calibrates one stage graph, for one precision after the other; what they share is computed once."""

    def __init__(self, source: Source, *, say: Say) -> None:
        """Raises EngineError: the graph has no part named as the network."""
        self._source, self._say = source, say
        self._network = onnx.shape_inference.infer_shapes(network_of(source.model))
        before = run_with_onnxruntime(before_network(source.model))
        self._inputs: Inputs = [before(frame) for frame in source.calibration]
        self._reference = _remembered(run_with_onnxruntime(source.model))
        self._ranges: dict[Form, dict[Method, dict[str, tuple[float, float]]]] = {}
        self._islands: dict[str, str] = self._known("fp16")

    def calibrated(self, precision: str, *, form: Form, method: Method | None = None) -> Calibrated:
        """The typed graph of least loss found: the worst layers are kept out until parity holds.

        Args:
            precision: ``fp16``, ``int8`` or ``fp8``. INT8 and FP8 for TensorRT keep the islands that an
                earlier ``fp16`` found.
            form: who will run it; ``cpu`` is for INT8 alone.
            method: that finds the ranges; None takes the one with the least error.

        Raises:
            EngineError: the network can't be written in this precision.
            InputError: the frames show nothing.
            MissingError: ModelOpt isn't installed.
        """
        ranges, used = self._chosen_ranges(precision, form, method)
        kept = self._known(precision)
        best = self._tried(precision, form, ranges, kept)
        if not best.parity.passed:
            for layers in self._more(precision, form, ranges, kept):
                attempt = self._tried(precision, form, ranges, layers)
                if attempt.parity.passed or _loss(attempt) < _loss(best):
                    best, kept = attempt, layers
                if best.parity.passed:
                    break
        if precision == "fp16":
            self._islands = kept
        model = self._typed(precision, form, ranges, kept)
        return Calibrated(model, used, _rows(kept), best, precision_share(network_of(model)))

    def _known(self, precision: str) -> dict[str, str]:
        names = frozenset(node.name for node in self._network.graph.node)
        return known_islands(self._source.info.model, precision, names)

    def _chosen_ranges(
        self, precision: str, form: Form, method: Method | None
    ) -> tuple[Ranges | None, str]:
        if precision == "fp16":
            return None, "autocast"
        if form not in self._ranges:
            names = values_to_calibrate(self._network, form=form)
            self._ranges[form] = value_ranges(self._network, names, self._inputs)
        found = self._ranges[form]
        if method is None:
            kept = self._known(precision)
            errors = {name: self._error(_rounding(precision, form, found[name]), kept) for name in METHODS}
            method = min(errors, key=lambda name: errors[name])
            self._say(f"ranges: {', '.join(f'{name} {error:.2%}' for name, error in errors.items())} off")
        return found[method], method

    def _error(self, rounding: Rounding, kept: Collection[str]) -> float:
        board = Switchboard(self._network, rounding)
        return self._error_of(board, [name for name in board.layers if name not in kept])

    def _error_of(self, board: Switchboard, layers: Collection[str]) -> float:
        """Of the network's outputs with these layers rounded: sum of differences over sum of values."""
        inputs = self._inputs[0]
        exact, rounded = board.run(inputs, ()), board.run(inputs, layers)
        return max(
            float(np.abs(rounded[name] - value).sum() / max(np.abs(value).sum(), 1e-12))
            for name, value in exact.items()
        )

    def _more(self, precision: str, form: Form, ranges: Ranges | None, kept: dict[str, str]) -> Any:
        """What to keep besides: the worst layer, the two, four, ... worst."""
        board = Switchboard(self._network, _rounding(precision, form, ranges))
        rest = [name for name in board.layers if name not in kept]
        self._say(f"{precision}: measuring which of {len(rest)} layers suffer")
        worst = worst_layers(
            lambda layers: self._error_of(board, layers), rest, negligible=_NEGLIGIBLE[precision]
        )
        most = max(1, int(_MOST_KEPT * len(board.layers)))
        count = 1
        while count // 2 < min(len(worst), most):
            yield kept | {layer.layer: _reason(layer) for layer in worst[: min(count, most)]}
            count *= 2

    def _typed(
        self, precision: str, form: Form, ranges: Ranges | None, kept: Mapping[str, str]
    ) -> onnx.ModelProto:
        half = precision == "fp16"
        network = network_in(
            precision,
            self._network,
            form=form,
            kept=() if half else tuple(kept),
            islands=tuple(kept) if half else tuple(self._islands),
            ranges=ranges,
            inputs=self._inputs if half else None,
        )
        return with_network(self._source.model, network)

    def _tried(
        self, precision: str, form: Form, ranges: Ranges | None, kept: Mapping[str, str]
    ) -> Comparison:
        candidate = run_with_onnxruntime(self._typed(precision, form, ranges, kept))
        comparison = compare(
            self._reference,
            candidate,
            self._source.validation,
            stage=self._source.info.stage,
            precision=precision,
            reference_name="fp32 graph, ONNX Runtime CPU",
            candidate_name=f"{precision} graph, ONNX Runtime CPU",
        )
        self._say(f"{precision}: {len(kept)} nodes kept out, {_words(comparison)}")
        return comparison


def _rounding(precision: str, form: Form, ranges: Ranges | None) -> Rounding:
    if ranges is None:
        return Half()
    return Float8(ranges) if precision == "fp8" else Int8(ranges, symmetric=form == "tensorrt")


def _remembered(run: Run) -> Run:
    """FP32 is the same for every attempt."""
    known: dict[int, Arrays] = {}

    def remembered(inputs: Arrays) -> Arrays:
        if id(inputs) not in known:
            known[id(inputs)] = run(inputs)
        return known[id(inputs)]

    return remembered


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
