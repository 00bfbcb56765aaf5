"""Parities as a table for documents."""

from collections.abc import Mapping

from benchmarks.tables import markdown
from trt_anime.parity import Metric, Parity


def table(parities: Mapping[str, Parity]) -> str:
    """Markdown, a row for each of `parities`, whose keys name the candidates; a failed value is bold."""
    names = list(dict.fromkeys(metric.name for parity in parities.values() for metric in parity.metrics))
    head = ["candidate", "frames", *names, "largest difference", "p99", "passed"]
    return markdown(head, [_row(name, parity, names) for name, parity in parities.items()])


def _row(name: str, parity: Parity, names: list[str]) -> list[str]:
    metrics = {metric.name: metric for metric in parity.metrics}
    cells = [_cell(metrics[key]) if key in metrics else "–" for key in names]  # noqa: RUF001
    tensors = parity.tensors.values()
    spread = [
        f"{max((getattr(tensor, key) for tensor in tensors), default=0):.4g}" for key in ("max", "p99")
    ]
    return [name, str(parity.frames), *cells, *spread, "yes" if parity.passed else "**no**"]


def _cell(metric: Metric) -> str:
    """``0.445 % (≤ 0.5)``"""
    value = f"{metric.value:.4g} {metric.unit}".strip()
    value = value if metric.passed else f"**{value}**"
    if metric.limit is None:
        return value
    return f"{value} ({'≤' if metric.better == 'lower' else '≥'} {metric.limit:g})"
