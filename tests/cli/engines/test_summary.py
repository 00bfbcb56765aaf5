from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.records import MANIFEST
from trt_anime.cli.engines.summary import NONE, Row, summary_table, words_of, worst_metric
from trt_anime.engines.manifest import Manifest
from trt_anime.engines.store import Entry
from trt_anime.errors import EngineError
from trt_anime.parity import Metric, Parity

SAD = Metric("alpha_sad", 0.125, limit=0.5, unit="thousands", better="lower")
IOU = Metric("mask_iou", 0.998, limit=0.99, unit="", better="higher")
MEAN = Metric("mean", 7.0, limit=None, unit="", better="lower")


def parity(*metrics: Metric) -> Parity:
    return Parity("fp32", "fp16", frames=3, metrics=metrics, tensors={}, worst_frame=0)


def row(**changes: object) -> Row:
    manifest: Manifest = replace(MANIFEST, **changes)  # type: ignore[arg-type]
    recipe = manifest.recipe
    return Row(recipe.model, recipe.precision, recipe.target, entry=Entry(Path("folder"), manifest))


def cells(one: Row) -> list[str]:
    """The row's cells; two spaces part them."""
    line = summary_table([one]).splitlines()[1]
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_table() -> None:
    failed = Row("modnet", "int8", "rtx-sm120", error=EngineError("no"))
    rows = [row(size_bytes=13_224_556), replace(row(), cached=True), replace(row(), cached=True), failed]
    lines = summary_table(rows).splitlines()
    assert lines[1].startswith("toy     fp16       rtx-sm89   13.2 MB  1.2 s      fp16 100 %  ")
    assert "  was there  " in lines[2]
    assert lines[4].split() == ["modnet", "int8", "rtx-sm120", NONE, "failed", NONE, NONE]
    assert lines[5] == "4 engines: 1 built, 2 there already, 1 failed"


def test_layers_stand_in_where_products_are_not_told() -> None:
    assert cells(row(product_precision=None))[5] == "fp16 90 %, fp32 10 %"
    assert cells(row(product_precision=None, layer_precision=None))[5] == NONE


@pytest.mark.parametrize(
    ("precision", "shares", "inside"),
    [
        ("fp16", {"float16": 0.8655, "float32": 0.1134, "int32": 0.0126}, "fp16 87 %, fp32 11 %"),
        ("int8", {"float16": 0.6, "int8": 0.352, "float32": 0.048}, "int8 35 %, fp16 60 %, fp32 5 %"),
        ("fp32", {"float32": 0.98, "int64": 0.02}, "fp32 98 %"),
        ("fp16", {"float16": 0.999, "float32": 0.001}, "fp16 100 %"),
    ],
)
def test_inside(precision: str, shares: dict[str, float], inside: str) -> None:
    recipe = replace(MANIFEST.recipe, precision=precision)  # type: ignore[arg-type]
    assert cells(row(recipe=recipe, product_precision=shares))[5] == inside


@pytest.mark.parametrize(
    ("metrics", "forced", "words"),
    [
        ((SAD, IOU), False, "passed, mask_iou 0.998 (≥ 0.99)"),
        ((SAD, MEAN), False, "passed, alpha_sad 0.125 thousands (≤ 0.5)"),
        ((replace(SAD, value=0.75), IOU), True, "forced, alpha_sad 0.75 thousands (≤ 0.5)"),
        ((SAD, replace(IOU, value=float("nan"))), False, "failed, mask_iou nan (≥ 0.99)"),
        ((MEAN,), False, "passed"),
    ],
)
def test_parity(metrics: tuple[Metric, ...], forced: bool, words: str) -> None:
    assert cells(row(parity=parity(*metrics), forced=forced))[-1] == words


@pytest.mark.parametrize(
    ("value", "limit", "better"), [(0.1, 0.0, "lower"), (-3.0, 20.0, "higher"), (21.0, 20.0, "lower")]
)
def test_what_is_beyond_its_limit_is_worst(value: float, limit: float, better: str) -> None:
    beyond = Metric("beyond", value, limit=limit, unit="", better=better)  # type: ignore[arg-type]
    assert not beyond.passed
    near = Metric("near", 0.999, limit=1.0, unit="", better="lower")
    assert worst_metric(parity(near, beyond)) == beyond
    assert worst_metric(parity(beyond, near)) == beyond


def test_words_of_errors() -> None:
    assert words_of(EngineError("no engine; build it")) == "no engine; build it"
    assert words_of(TypeError("two\nlines")) == "unexpected TypeError: two lines"
