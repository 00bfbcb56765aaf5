"""How near one way of computing a stage is to another: a value that is kept, not a log line.

`calibration` measures it, manifests and `run.json` keep it, `engines` refuses by it.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Metric:
    """One task metric of a candidate against its reference.

    Attributes:
        name: such as ``alpha_sad``.
        value: measured over all frames together, unless the name says otherwise; finite.
        limit: the worst value that passes; None where the metric only informs.
        unit: such as ``thousands`` or ``dB``; empty for a plain ratio.
        better: whether ``lower`` or ``higher`` values are better.
    """

    name: str
    value: float
    limit: float | None
    unit: str
    better: Direction

    @property
    def passed(self) -> bool:
        """False for NaN, too."""
        if self.limit is None:
            return self.value == self.value
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit

    @property
    def words(self) -> str:
        """Such as ``alpha_sad 3.1 where 2.5 is allowed``."""
        allowed = "" if self.limit is None else f" where {self.limit:g} is allowed"
        return f"{self.name} {self.value:.3g}{allowed}"


@dataclass(frozen=True)
class TensorDifference:
    """Absolute differences of one output over all frames, in the output's own unit.

    Attributes:
        edges: of the histogram's bins, one more than `counts`; the last bin is closed.
        counts: how many elements differ by that much.
    """

    max: float
    mean: float
    p99: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Parity:
    """A candidate against its reference on some frames.

    Attributes:
        reference: what it was compared with, such as ``fp32 graph, onnxruntime 1.32.0 CPU``.
        candidate: what was compared, such as ``fp16 graph, onnxruntime 1.32.0 CPU``.
        frames: how many frames both were given.
        metrics: task metrics of the stage.
        tensors: per output of the graph, colours premultiplied; labels and tokens have none.
        worst_frame: index, among the frames given, of the one that differs most.
    """

    reference: str
    candidate: str
    frames: int
    metrics: tuple[Metric, ...]
    tensors: dict[str, TensorDifference]
    worst_frame: int

    @property
    def passed(self) -> bool:
        return all(metric.passed for metric in self.metrics)

    @property
    def failures(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics if not metric.passed)

    @property
    def shortfall(self) -> str:
        """The failures in words, for a sentence."""
        return ", ".join(metric.words for metric in self.failures)
