"""What became of the engines that were asked for, for people and for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from trt_anime.cli.table import table

if TYPE_CHECKING:
    from trt_anime.engines.batch import Outcome
    from trt_anime.engines.manifest import Manifest
    from trt_anime.engines.store import Entry
    from trt_anime.parity import Metric, Parity

NONE = "\N{EN DASH}"
_HEADER = ("MODEL", "PRECISION", "TARGET", "SIZE", "BUILD", "INSIDE", "PARITY")
_SHORT = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "float8": "fp8"}


@dataclass(frozen=True, eq=False)
class Row:
    """One engine that was asked for: its entry in the store, or the error in its place."""

    model: str
    precision: str
    target: str
    entry: "Entry | None" = None
    cached: bool = False
    error: Exception | None = None

    @property
    def state(self) -> Literal["built", "cached", "failed"]:
        if self.entry is None:
            return "failed"
        return "cached" if self.cached else "built"

    @property
    def is_unproved(self) -> bool:
        """Whether it was built, and never measured on a GPU."""
        return self.entry is not None and self.entry.manifest.engine_parity is None


def row_from_outcome(outcome: "Outcome") -> Row:
    order, built = outcome.order, outcome.built
    return Row(
        order.model,
        order.precision,
        order.target.name,
        entry=built.entry if built else None,
        cached=built is not None and built.cached,
        error=outcome.error,
    )


def summary_table(rows: Sequence[Row]) -> str:
    """A line for each engine, and one that counts them."""
    states = [row.state for row in rows]
    counts = {"built": "built", "cached": "there already", "failed": "failed"}
    parts = [f"{states.count(key)} {words}" for key, words in counts.items() if key in states]
    total = f"{len(rows)} engine{'s' if len(rows) > 1 else ''}: {', '.join(parts)}"
    return f"{table(_HEADER, map(_cells, rows))}\n{total}"


def summary_json(rows: Sequence[Row]) -> str:
    """A list with one object an engine, whole manifest included where there is an engine."""
    return json.dumps([_facts(row) for row in rows], indent=2)


def words_of(error: Exception) -> str:
    """Our own errors speak for themselves; others are told by their kind, too."""
    from trt_anime.errors import TrtAnimeError

    if isinstance(error, TrtAnimeError):
        return str(error)
    return f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"


def worst_metric(parity: "Parity") -> "Metric | None":
    """The metric nearest to its limit, or farthest beyond it; None if none has a limit."""
    limited = [metric for metric in parity.metrics if metric.limit is not None]
    return max(limited, key=_share_of_limit, default=None)


def _share_of_limit(metric: "Metric") -> float:
    value, limit = metric.value, metric.limit
    assert limit is not None
    if value != value:
        return float("inf")
    above, below = (value, limit) if metric.better == "lower" else (limit, value)
    if below > 0:
        return above / below
    return float("inf") if above > below else 0.0


def _cells(row: Row) -> tuple[str, ...]:
    if row.entry is None:
        return (row.model, row.precision, row.target, NONE, "failed", NONE, NONE)
    manifest = row.entry.manifest
    return (
        row.model,
        row.precision,
        row.target,
        f"{manifest.size_bytes / 1e6:.1f} MB",
        "was there" if row.cached else f"{manifest.build_s:.1f} s",
        _inside(manifest),
        _parity(manifest),
    )


def _inside(manifest: "Manifest") -> str:
    """Shares of the types that products compute in, the one asked for first."""
    shares = {
        _SHORT[kind]: share
        for kind, share in (manifest.product_precision or manifest.layer_precision or {}).items()
        if kind in _SHORT
    }
    asked = manifest.recipe.precision
    order = sorted(shares, key=lambda kind: (kind != asked, -shares[kind]))
    shown = [f"{kind} {shares[kind]:.0%}".replace("%", " %") for kind in order if shares[kind] >= 0.005]
    return ", ".join(shown) or NONE


def parity_words(parity: "Parity", *, forced: bool = False) -> str:
    """Whether it passed, and the metric nearest to its limit."""
    state = "passed" if parity.passed else "forced" if forced else "failed"
    worst = worst_metric(parity)
    if worst is None:
        return state
    sign = "≤" if worst.better == "lower" else "≥"
    unit = f" {worst.unit}" if worst.unit else ""
    return f"{state}, {worst.name} {worst.value:.3g}{unit} ({sign} {worst.limit:.3g})"


def _parity(manifest: "Manifest") -> str:
    """Of the engine itself where that was measured, else of the graph that it was built from."""
    parity = manifest.engine_parity or manifest.parity
    return parity_words(parity, forced=manifest.forced) if parity else NONE


def _facts(row: Row) -> dict[str, object]:
    return {
        "model": row.model,
        "precision": row.precision,
        "target": row.target,
        "state": row.state,
        "path": str(row.entry.engine) if row.entry else None,
        "manifest": asdict(row.entry.manifest) if row.entry else None,
        "error": words_of(row.error) if row.error else None,
    }
