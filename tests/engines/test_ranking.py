"""What was measured decides which engine runs; what wasn't keeps its place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engines.records import MANIFEST, RECIPE
from trt_anime.engines.manifest import Profile
from trt_anime.engines.preflight import Verdict
from trt_anime.engines.ranking import best, milliseconds, overtaken
from trt_anime.engines.store import Entry

HERE = "NVIDIA L4, driver 580.65.6"


def engine(precision: Any, seconds: float | None = None, **changes: Any) -> Entry:
    """Measured on one GPU if it takes `seconds`; changes are the manifest's or the recipe's."""
    facts: dict[str, Any] = {"seconds_per_frame": seconds, "measured_on": HERE if seconds else None}
    facts |= {name: changes.pop(name) for name in ("forced", "measured_on") if name in changes}
    recipe: Any = replace(RECIPE, precision=precision, **changes)
    manifest: Any = replace(MANIFEST, recipe=recipe, **facts)
    return Entry(Path(precision), manifest)


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        # Nothing is known: INT8 and FP8 stand behind FP16.
        ({"fp32": None, "fp8": None, "int8": None, "fp16": None}, "fp16"),
        ({"fp32": None, "int8": None}, "int8"),
        # INT8 is faster than FP16, or it isn't.
        ({"fp16": 0.004, "int8": 0.003}, "int8"),
        ({"fp16": 0.003, "int8": 0.004}, "fp16"),
        ({"fp16": 0.003, "int8": 0.003}, "fp16"),
        ({"fp16": 0.004, "int8": 0.003, "fp8": 0.002, "fp32": 0.005}, "fp8"),
        ({"fp16": 0.004, "fp32": 0.003}, "fp32"),
        # Of one of them nothing is known.
        ({"fp16": None, "int8": 0.001}, "fp16"),
        ({"fp16": 0.004, "int8": None}, "fp16"),
    ],
)
def test_the_fastest_measured(measured: dict[str, float | None], chosen: str) -> None:
    entries = [engine(precision, seconds) for precision, seconds in measured.items()]
    for order in (entries, entries[::-1]):
        assert best(order).manifest.recipe.precision == chosen


def test_times_of_two_gpus_are_not_compared() -> None:
    fp16, int8 = engine("fp16", 0.004), engine("int8", 0.001, measured_on="NVIDIA H200, driver 580.65.6")
    assert best([int8, fp16]) is fp16
    assert overtaken(replace(int8, manifest=replace(int8.manifest, seconds_per_frame=1.0)), [fp16]) is None


def test_forced_ones_are_last() -> None:
    forced = engine("fp16", 0.001, forced=True)
    for other in (engine("fp32", 0.009), engine("fp32"), engine("int8")):
        assert best([forced, other]) is other
    assert best([forced]) is forced
    assert best([forced, engine("int8", 0.0005, forced=True)]).manifest.recipe.precision == "int8"


def test_the_smallest_batch_of_a_kind() -> None:
    """That a larger one was measured a hair faster doesn't make its memory worth while."""
    large = engine("fp16", 0.0029, profile=Profile(height=64, width=96, max_batch=8))
    small = engine("fp16", 0.003)
    assert best([large, small]) is small
    assert best([large, engine("fp16", 0.002, target="trt-sm89")]).manifest.recipe.target == "trt-sm89"


def test_overtaken_by_what_is_more_exact() -> None:
    fp32, fp16, int8 = engine("fp32", 0.0091), engine("fp16", 0.0032), engine("int8", 0.00412)
    assert overtaken(int8, [fp32, fp16, int8]) == Verdict(
        "slower",
        "speed",
        "takes 4.12 ms a frame, and the fp16 engine 3.2 ms",
        "the fp16 engine goes before it",
    )
    assert overtaken(fp16, [fp32, fp16, int8]) is None
    assert overtaken(fp32, [fp32, fp16, int8]) is None  # nobody expects it to be fast


@pytest.mark.parametrize(
    "other",
    [
        engine("fp16"),
        engine("fp16", 0.005),
        engine("fp16", 0.003, forced=True),
        engine("fp16", 0.003, graph_sha256="7" * 64),
        engine("fp16", 0.003, profile=Profile(height=96, width=96, max_batch=4)),
        engine("fp16", 0.003, target="rtx-sm86"),
    ],
)
def test_not_overtaken(other: Entry) -> None:
    assert overtaken(engine("int8", 0.004), [other]) is None
    assert overtaken(engine("int8"), [other]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0000042, "0.0042 ms"), (0.00321, "3.21 ms"), (0.9996, "1000 ms"), (1.6519, "1652 ms")],
)
def test_milliseconds(seconds: float, words: str) -> None:
    assert milliseconds(seconds) == words
