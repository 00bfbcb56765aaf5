"""Parities as a table for documents."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.tables import markdown
from trt_anime.parity import Metric, Parity

Row = Mapping[str, Any]


def table(parities: Mapping[str, Parity]) -> str:
    """Markdown, a row for each of `parities`, whose keys name the candidates; a failed value is bold."""
    return table_of({name: row_of(parity) for name, parity in parities.items()})


def row_of(parity: Parity) -> dict[str, Any]:
    """What the table shows of it, for a record."""
    tensors = parity.tensors.values()
    return {
        "frames": parity.frames,
        "metrics": [asdict(metric) for metric in parity.metrics],
        **{key: max((getattr(tensor, key) for tensor in tensors), default=0) for key in ("max", "p99")},
    }


def table_of(rows: Mapping[str, Row]) -> str:
    """`table`, of what `row_of` gave."""
    found = {name: [Metric(**metric) for metric in row["metrics"]] for name, row in rows.items()}
    names = list(dict.fromkeys(metric.name for metrics in found.values() for metric in metrics))
    head = ["candidate", "frames", *names, "largest difference", "p99", "passed"]
    return markdown(head, [_cells(name, rows[name], found[name], names) for name in rows])


def _cells(name: str, row: Row, found: list[Metric], names: list[str]) -> list[str]:
    metrics = {metric.name: metric for metric in found}
    cells = [_cell(metrics[key]) if key in metrics else "\N{EN DASH}" for key in names]
    spread = [f"{row[key]:.4g}" for key in ("max", "p99")]
    passed = "yes" if all(metric.passed for metric in found) else "**no**"
    return [name, str(row["frames"]), *cells, *spread, passed]


def _cell(metric: Metric) -> str:
    """``0.445 % (≤ 0.5)``"""
    value = f"{metric.value:.4g} {metric.unit}".strip()
    value = value if metric.passed else f"**{value}**"
    if metric.limit is None:
        return value
    return f"{value} ({'≤' if metric.better == 'lower' else '≥'} {metric.limit:g})"
