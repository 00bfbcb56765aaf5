"""What a run of a stage graph costs: operations and bytes, the same on every machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trt_anime.errors import MissingError

# `math`: convolutions and matrix products. `fused`: arithmetic on each element, which an engine does while
# it writes the result before it. `moved`: all that reorders, resizes, gathers or reduces.
Kind = Literal["math", "fused", "moved"]
_KINDS: dict[str, Kind] = {"math": "math", "fused": "fused", "moved": "moved"}


@dataclass(frozen=True)
class Work:
    """Operators of one kind that have about the same number of operations for each byte.

    Attributes:
        count: of operators.
        flops: multiplications and additions, of all.
        size_bytes: read and written in FP32, of all, weights included.
    """

    kind: Kind
    count: int
    flops: float
    size_bytes: float


@dataclass(frozen=True)
class Cost:
    """One run of one graph on one frame.

    Attributes:
        model: catalogue name.
        graph: name of the stage graph.
        height: rows of the frame, 16:9; 0 where the graph sees none.
        weights_bytes: in FP32.
        peak_bytes: the most that a run held at once besides, in FP32.
        network: (height, width) that the network sees; None where it depends on the frame.
    """

    model: str
    graph: str
    height: int
    works: tuple[Work, ...]
    weights_bytes: float
    peak_bytes: float
    network: tuple[int, int] | None = None

    @property
    def pixels(self) -> float:
        """Of the frame."""
        return self.height * self.height * 16 / 9

    @property
    def flops(self) -> float:
        return sum(work.flops for work in self.works)

    @property
    def size_bytes(self) -> float:
        return sum(work.size_bytes for work in self.works)


def costs_from_lines(lines: Iterable[str]) -> list[Cost]:
    """Read what `lines_of` wrote."""
    found: list[Cost] = []
    for line in filter(None, map(str.strip, lines)):
        head, *works = line.split(" | ")
        model, graph, height, weights, peak, *size = head.split()
        figures = tuple(map(_work, works)), _mega(weights), _mega(peak)
        found.append(Cost(model, graph, int(height), *figures, _network(size)))
    return found


def lines_of(costs: Iterable[Cost]) -> list[str]:
    """One line a cost: names and millions, for a table that people can compare."""
    return [
        " | ".join(
            [
                f"{cost.model} {cost.graph} {cost.height} {_millions(cost.weights_bytes)}"
                f" {_millions(cost.peak_bytes)}{_words(cost.network)}",
                *(
                    f"{work.kind} {work.count} {_millions(work.flops)} {_millions(work.size_bytes)}"
                    for work in cost.works
                ),
            ]
        )
        for cost in sorted(costs, key=lambda cost: (cost.model, cost.graph, cost.height))
    ]


def find(costs: Iterable[Cost], model: str, graph: str) -> list[Cost]:
    """At all heights that were counted, lowest first. Raises MissingError: none was."""
    known = list(costs)
    found = [cost for cost in known if (cost.model, cost.graph) == (model, graph)]
    if not found:
        names = ", ".join(sorted({cost.model for cost in known}))
        raise MissingError(
            f"{model}: its graph `{graph}` has not been counted, so nothing can be predicted; name others"
            f" with --models, out of {names}"
        )
    return sorted(found, key=lambda cost: cost.height)


def at_pixels(costs: Sequence[Cost], values: Sequence[float], pixels: float) -> float:
    """A figure at another frame's size: on the line through both ends of what was counted.

    Args:
        costs: of one graph, lowest frame first.
        values: the figure of each.
    """
    low, high = costs[0].pixels, costs[-1].pixels
    if low == high:
        return values[0]
    share = (pixels - low) / (high - low)
    return max(values[0] + share * (values[-1] - values[0]), 0.1 * values[0])


def _work(words: str) -> Work:
    kind, count, flops, size_bytes = words.split()
    return Work(_KINDS[kind], int(count), _mega(flops), _mega(size_bytes))


def _network(words: list[str]) -> tuple[int, int] | None:
    if not words:
        return None
    height, width = map(int, words[0].split("x"))
    return height, width


def _words(network: tuple[int, int] | None) -> str:
    return f" {network[0]}x{network[1]}" if network else ""


def _mega(word: str) -> float:
    return float(word) * 1e6


def _millions(value: float) -> str:
    return f"{value / 1e6:.4g}"
