"""Ranges of values that are known, because they were made."""

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import onnx
import pytest

from tests.calibration.small import Array, examples, network, node, pictures, weights
from trt_anime.calibration.qdq import values_to_calibrate
from trt_anime.calibration.ranges import METHODS, Reaches, scale_of, value_ranges
from trt_anime.errors import InputError

NAMES = ("x", "double", "positive")


def known() -> onnx.ModelProto:
    """`x` [batch, 1000], `double` of it, and what is `positive` in that."""
    return network(
        node("Mul", "x two", "double"),
        node("Relu", "double", "positive"),
        node("Neg", "positive", "y"),
        weights={"two": np.array(2, np.float32)},
        x=["batch", 1000],
        y=["batch", 1000],
    )


def frame(low: float, high: float) -> dict[str, Array]:
    return {"x": np.linspace(low, high, 1000, dtype=np.float32)[None]}


def noise(seed: int, scale: float = 1.0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {"x": (random.standard_normal((20, 1000)) * scale).astype(np.float32)}


def test_reaches_are_the_largest_magnitudes() -> None:
    reaches = Reaches(known(), NAMES)
    assert reaches.of(frame(-3, 0.5)) == {"x": 3, "double": 6, "positive": 1}
    assert reaches.of({"x": np.zeros((0, 1000), np.float32)}) == dict.fromkeys(NAMES, 0)


def test_reaches_do_not_keep_the_values() -> None:
    """A hundred values of 16 MB, of which a run without the reaches holds two."""
    script = textwrap.dedent("""
        import resource
        import numpy as np
        from tests.calibration.small import network, node
        from trt_anime.calibration.ranges import Reaches

        names = ["x", *(f"v{number}" for number in range(100)), "y"]
        steps = [node("Neg", one, other) for one, other in zip(names, names[1:])]
        shape = ["batch", 4_000_000]
        reaches = Reaches(network(*steps, weights={}, x=shape, y=shape), names)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert set(reaches.of({"x": np.full((1, 4_000_000), -2, np.float32)}).values()) == {2.0}
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000 * (1024 if sys.platform == "darwin" else 1)


def test_minmax_is_all_that_occurred() -> None:
    found = value_ranges(known(), NAMES, [frame(-1, 2), frame(-3, 0.5)])["minmax"]
    assert found == {"x": (-3, 2), "double": (-6, 4), "positive": (0, 4)}


@pytest.mark.parametrize(("low", "high"), [(3, 5), (-5, -3)])
def test_zero_is_always_inside(low: float, high: float) -> None:
    for method, found in value_ranges(known(), ["x"], [frame(low, high)]).items():
        assert found["x"][0] <= 0 <= found["x"][1], method
        assert (found["x"][0] == 0) == (low > 0), method


def test_percentile_cuts_an_outlier() -> None:
    inputs = [noise(number) for number in range(5)]
    inputs[2]["x"][3, 500] = -60
    found = value_ranges(known(), NAMES, inputs)
    assert found["minmax"]["x"][0] == -60
    assert -5 < found["percentile"]["x"][0] < -3  # of 100,000 normal values, 5 are beyond 3.9
    assert 3 < found["percentile"]["x"][1] < 5
    assert found["percentile"]["positive"][0] == 0


def test_entropy_cuts_an_outlier_too() -> None:
    inputs = [noise(number) for number in range(5)]
    inputs[2]["x"][3, 500] = -60
    low, high = value_ranges(known(), ["x"], inputs)["entropy"]["x"]
    assert -30 < low < -2
    assert 2 < high < 30


def test_every_method_stays_within_what_occurred() -> None:
    model = pictures()
    names = values_to_calibrate(model, form="cpu")
    found = value_ranges(model, names, examples(model))
    assert set(found) == set(METHODS)
    for method in METHODS:
        assert set(found[method]) == set(names)
        for name, (low, high) in found[method].items():
            lowest, highest = found["minmax"][name]
            assert lowest <= low <= 0 <= high <= highest, (method, name)
            assert low < high, (method, name)


def test_order_of_frames_does_not_matter() -> None:
    inputs = [noise(number, scale=1 + number) for number in range(4)]
    assert value_ranges(known(), NAMES, inputs) == value_ranges(known(), NAMES, inputs[::-1])


def test_value_that_is_named_twice_or_is_the_output() -> None:
    found = value_ranges(known(), ["y", "y", "x"], [frame(-1, 1)])["minmax"]
    assert found == {"y": (-2, 0), "x": (-1, 1)}


def test_value_that_is_always_zero_has_an_empty_range() -> None:
    for names in (NAMES, ["positive"]):
        for found in value_ranges(known(), names, [frame(-2, -1)]).values():
            assert found["positive"] == (0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(bad: float) -> None:
    damaged = weights(np.random.default_rng(0), 4, 3, 1, 1)
    damaged[2, 1] = bad
    model = network(
        node("Conv", "x w", "c"),
        node("Conv", "c w2", "y"),
        weights={"w": damaged, "w2": weights(np.random.default_rng(1), 1, 4, 1, 1)},
        x=["batch", 3, 8, 8],
        y=["batch", 1, 8, 8],
    )
    with pytest.raises(
        InputError, match=r"the value c isn't finite in FP32; the checkpoint is damaged, fetch"
    ):
        value_ranges(model, ["x", "c"], examples(model))


def flat(*colours: Any) -> list[dict[str, Array]]:
    """Frames of one colour each; the network's input has been normalised channel by channel."""
    return [
        {"x": np.broadcast_to(np.float32(colour).reshape(1, 3, 1, 1), (1, 3, 16, 16)).copy()}
        for colour in colours
    ]


@pytest.mark.parametrize(
    "frames",
    [flat((-2.1, -2.0, -1.8)), flat((0, 0, 0), (1, 1, 1)), flat((-2.1, -2.0, -1.8), (0.5, 1, 2))],
    ids=["black", "black and white", "two colours"],
)
def test_frames_that_show_nothing(frames: list[dict[str, Array]]) -> None:
    with pytest.raises(InputError, match=r"^calibration frames: they show nothing; choose a clip with"):
        value_ranges(pictures(), ["x"], frames)
    found = value_ranges(pictures(), ["x"], [*frames, *examples(pictures(), 1)])["minmax"]
    assert found["x"][0] < 0 < found["x"][1]


def test_no_frames() -> None:
    with pytest.raises(InputError, match=r"^calibration frames: there are none; choose a longer clip"):
        value_ranges(known(), NAMES, [])


@pytest.mark.parametrize(
    ("limits", "symmetric", "expected"),
    [
        ((-1.0, 127 / 64), True, (1 / 64, 0)),
        ((-127 / 64, 1.0), True, (1 / 64, 0)),
        ((-1.0, 1.55), False, (0.01, 100)),
        ((0.0, 2.55), False, (0.01, 0)),
        ((-2.55, 0.0), False, (0.01, 255)),
        ((1.0, 2.55), False, (0.01, 0)),  # zero is taken in
        ((-2.55, -1.0), False, (0.01, 255)),
    ],
)
def test_scale(limits: tuple[float, float], symmetric: bool, expected: tuple[float, int]) -> None:
    assert scale_of(limits, symmetric=symmetric) == pytest.approx(expected)


@pytest.mark.parametrize("reach", [1e-6, 2e-4, 0.3, 1.0, 77.7, 60_000.0])
def test_scale_for_tensorrt_is_a_number_of_fp16_that_clips_nothing(reach: float) -> None:
    scale, _ = scale_of((-reach, 0.1 * reach), symmetric=True)
    assert np.float16(scale) == scale
    assert reach <= 127 * scale <= max(reach * 1.001, reach + 127 * 2**-24)


@pytest.mark.parametrize("symmetric", [True, False])
def test_scale_of_nothing_is_no_division_by_zero(symmetric: bool) -> None:
    scale, zero = scale_of((0.0, 0.0), symmetric=symmetric)
    assert scale > 0 and zero == 0
