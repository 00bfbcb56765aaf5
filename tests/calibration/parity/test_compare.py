"""What `compare` says of every stage."""

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.calibration.parity.clips import (
    FRAMES,
    HEIGHT,
    WIDTH,
    Arrays,
    batches,
    compared,
    inputs,
    playback,
    reference_outputs,
    values,
    worsened,
)
from trt_anime.calibration.parity import BUDGETS, TASKS, Comparison, compare, worst_picture
from trt_anime.calibration.parity.budgets import PRECISIONS, SCALES
from trt_anime.errors import EngineError, InputError
from trt_anime.parity import Parity


def test_every_stage_has_a_task_and_a_budget() -> None:
    assert TASKS.keys() == BUDGETS.keys()


@pytest.mark.parametrize("stage", TASKS)
def test_budgets_limit_what_is_measured(stage: str) -> None:
    reference = reference_outputs(stage)
    truth = [np.zeros((FRAMES, HEIGHT, WIDTH), np.float32)] if TASKS[stage].has_truth else None
    measured = values(compared(stage, reference, reference, size=FRAMES, truth=truth)).keys()
    assert BUDGETS[stage].keys() <= measured <= SCALES.keys()
    for name, limits in BUDGETS[stage].items():
        assert limits.keys() == {"fp16", "int8", "fp8"}
        stricter = limits["fp16"] <= limits["int8"]
        assert stricter == (SCALES[name].better == "lower") and limits["int8"] == limits["fp8"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stage", TASKS)
def test_equal_results_pass_with_the_best_values(stage: str, precision: str) -> None:
    reference = reference_outputs(stage)
    parity = compared(stage, reference, reference, precision=precision).parity
    assert parity.passed and not parity.failures
    assert (parity.frames, parity.worst_frame) == (FRAMES, 0)
    for metric in parity.metrics:
        best = {"lower": 0.0, "higher": 100.0 if metric.unit == "dB" else 1.0}[metric.better]
        assert metric.value == pytest.approx(best, abs=1e-9), metric
    assert all(tensor.max == tensor.mean == tensor.p99 == 0 for tensor in parity.tensors.values())


@pytest.mark.parametrize("row", [0, 3, 5])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("stage", TASKS)
def test_a_wrong_frame_fails_and_is_the_worst(stage: str, size: int, row: int) -> None:
    reference = reference_outputs(stage)
    candidate = worsened(stage, reference, row)
    comparison = compared(stage, reference, candidate, size=size, precision="int8")
    assert comparison.parity.failures
    assert comparison.parity.worst_frame == comparison.worst.index == row
    output = TASKS[stage].output
    assert comparison.worst.inputs["frame"][0, 0, 0] == row
    assert comparison.worst.inputs["prompts"].shape == (9, 4)
    assert np.array_equal(comparison.worst.reference[output], reference[output][row])
    assert np.array_equal(comparison.worst.candidate[output], candidate[output][row])


@pytest.mark.parametrize("stage", TASKS)
def test_batches_change_nothing(stage: str) -> None:
    reference = reference_outputs(stage)
    candidate = worsened(stage, worsened(stage, reference, 1), 4)
    once, *others = (compared(stage, reference, candidate, size=size) for size in (FRAMES, 1, 4))
    for other in others:
        assert values(other) == pytest.approx(values(once))
        assert other.parity.worst_frame == once.parity.worst_frame
        for name, tensor in once.parity.tensors.items():
            found = other.parity.tensors[name]
            assert (found.counts, found.edges, found.p99) == (tensor.counts, tensor.edges, tensor.p99)


def test_parity_goes_through_json() -> None:
    reference = reference_outputs("inpaint")
    for candidate in (reference, worsened("inpaint", reference, 2)):
        parity = compared("inpaint", reference, candidate).parity
        text = json.dumps(asdict(parity), allow_nan=False)
        assert TypeAdapter(Parity).validate_json(text, strict=True) == parity


def matte(*alphas: float) -> Arrays:
    """White, one frame a value."""
    rgba = np.full((FRAMES, HEIGHT, WIDTH, 4), 255, np.uint8)
    rgba[..., 3] = np.rint(np.resize(255 * np.array(alphas), FRAMES))[:, None, None]
    return {"rgba": rgba}


def test_matte_by_hand() -> None:
    # 3 frames of alpha 1 and 3 of 0.2; the candidate has 0.8 in the former
    found = values(compared("matte", matte(1, 0.2), matte(0.8, 0.2)))
    assert found["alpha_sad"] == pytest.approx(100 * 0.2 / 1.2)
    assert found["alpha_mse"] == pytest.approx(1000 * 0.04 / 2)
    assert found["colour"] == pytest.approx(51 / 2)  # white times alpha
    assert found["alpha_gradient"] == pytest.approx(0.0, abs=1e-9)  # flat in both


def test_colour_under_no_alpha_does_not_count() -> None:
    reference, candidate = matte(1, 0), matte(1, 0)
    candidate["rgba"][1::2, ..., :3] = 7
    comparison = compared("matte", reference, candidate)
    assert values(comparison)["colour"] == comparison.parity.tensors["rgba"].max == 0


def test_matte_against_truth() -> None:
    truth = [np.full((2, HEIGHT, WIDTH), 0.6, np.float32)] * 3
    reference, worse, better = matte(1.0), matte(0.8, 1.0, 1.0, 0.0), matte(0.8)
    found = values(compared("matte", reference, worse, truth=truth))
    # errors of 0.4 everywhere; the candidate's: 0.2, 0.4, 0.4, 0.6, 0.2, 0.4
    assert found["alpha_sad_change"] == pytest.approx(100 * (2.2 - 2.4) / 2.4)
    assert values(compared("matte", reference, better, truth=truth))["alpha_sad_change"] == pytest.approx(
        -50
    )
    assert "alpha_sad_change" not in values(compared("matte", reference, better))


def test_a_worse_matte_against_truth_fails() -> None:
    truth = [np.full((FRAMES, HEIGHT, WIDTH), 1.0, np.float32)]
    reference, candidate = matte(0.9), matte(0.9)
    candidate["rgba"][0, ..., 3] -= 2  # of 25 levels of error, in one of six frames: 1.3 %
    found = compared("matte", reference, candidate, truth=iter(truth), size=FRAMES).parity
    assert [metric.name for metric in found.failures] == ["alpha_sad_change"]
    assert compared("matte", reference, candidate, truth=truth, size=FRAMES, precision="int8").parity.passed


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(1, 40))
def test_more_noise_is_never_better(level: int, more: int) -> None:
    reference = reference_outputs("matte")
    random = np.random.default_rng(1).uniform(-1, 1, reference["rgba"].shape[:3])

    def noisy(amount: int) -> Arrays:
        rgba = reference["rgba"].copy()
        rgba[..., 3] = np.clip(rgba[..., 3] + amount * random, 0, 255)
        return {"rgba": rgba}

    less, worse = (values(compared("matte", reference, noisy(amount))) for amount in (level, level + more))
    assert less["alpha_sad"] <= worse["alpha_sad"] and less["alpha_mse"] <= worse["alpha_mse"]


def test_captions_end_at_the_stop() -> None:
    reference, candidate = reference_outputs("caption"), reference_outputs("caption")
    reference["tokens"][:, 4] = candidate["tokens"][:, 4] = 2
    candidate["tokens"][:, 5:] = 1
    assert values(compared("caption", reference, candidate, stop_token=2))["token_agreement"] == 1.0
    assert values(compared("caption", reference, candidate))["token_agreement"] == pytest.approx(5 / 7)


def test_ids_have_no_distances() -> None:
    reference = reference_outputs("caption")
    assert compared("caption", reference, reference).parity.tensors == {}


def test_outputs_of_bytes_cannot_be_infinite() -> None:
    assert "not_finite" not in values(compared("matte", matte(1), matte(1)))
    assert "not_finite" in values(compared("embed", *[reference_outputs("embed")] * 2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_fails_alone(value: float) -> None:
    reference, candidate = reference_outputs("embed"), reference_outputs("embed")
    candidate["embedding"][4, 7:9] = value
    comparison = compared("embed", reference, candidate, precision="int8")
    (metric,) = comparison.parity.metrics
    assert (metric.name, metric.value, metric.limit, metric.passed) == ("not_finite", 2.0, 0.0, False)
    assert comparison.parity.worst_frame == 4
    assert comparison.parity.tensors["embedding"].max == 0  # of the others
    json.dumps(asdict(comparison.parity), allow_nan=False)


def test_not_finite_in_a_side_output_fails_too() -> None:
    reference, candidate = reference_outputs("detect"), reference_outputs("detect")
    candidate["scores"][2, 0] = np.nan
    comparison = compared("detect", reference, candidate)
    assert values(comparison) == {"not_finite": 1.0}
    assert comparison.worst.index == 2


def test_a_reference_that_is_not_finite_judges_nothing() -> None:
    reference = reference_outputs("embed")
    reference["embedding"][0, 0] = np.inf
    with pytest.raises(EngineError, match=r"^fp32 graph: `embedding` has values that are not finite"):
        compared("embed", reference, reference)


NOTHING: dict[str, tuple[str, Any]] = {
    "matte": ("rgba", 0),
    "segment": ("index", 0),
    "effects": ("heat", 0),
    "mask": ("mask", 0),
    "caption": ("tokens", 2),
    "detect": ("scores", 0),
}


@pytest.mark.parametrize("stage", NOTHING)
def test_frames_that_show_nothing_prove_nothing(stage: str) -> None:
    output, nothing = NOTHING[stage]
    reference = reference_outputs(stage)
    reference[output][:] = nothing
    with pytest.raises(InputError, match="None of the frames shows"):
        compared(stage, reference, reference, stop_token=2)


def test_a_hole_is_needed() -> None:
    reference = reference_outputs("inpaint")
    for hole, words in (
        (np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8), "shows a hole"),
        (None, "no input `hole`"),
    ):
        given = {name: array for name, array in (inputs() | {"hole": hole}).items() if array is not None}
        with pytest.raises(InputError, match=words):
            compare(
                playback(reference),
                playback(reference),
                [given],
                stage="inpaint",
                precision="fp16",
                reference_name="a",
                candidate_name="b",
            )


def test_a_frame_without_a_hole_among_others_is_no_trouble() -> None:
    reference = reference_outputs("inpaint")
    given = inputs()
    given["hole"][2] = 0
    candidate = worsened("inpaint", reference, 2)
    comparison = compare(
        playback(reference),
        playback(candidate),
        batches(given, 2),
        stage="inpaint",
        precision="fp16",
        reference_name="a",
        candidate_name="b",
    )
    assert comparison.parity.passed


def test_what_does_not_fit_is_refused() -> None:
    reference = reference_outputs("embed")
    wide = {"embedding": np.ones((FRAMES, 33), np.float16)}
    whole = {"embedding": np.ones((FRAMES, 32), np.int64)}
    for candidate, words in (
        (wide, r"\(2, 33\)"),
        (whole, "int64"),
        ({"x": wide["embedding"]}, "no output"),
    ):
        with pytest.raises(EngineError, match=f"^fp16 graph: .*{words}"):
            compared("embed", reference, candidate)
    with pytest.raises(InputError, match="has no output `embedding`, only `rgba`"):
        compared("embed", matte(1), matte(1))
    single = {"embedding": reference["embedding"].astype(np.float32)}
    assert compared("embed", single, reference).parity.passed


def test_bad_calls_are_refused() -> None:
    reference = reference_outputs("matte")
    with pytest.raises(InputError, match="Precision `fp4` has no budget"):
        compared("matte", reference, reference, precision="fp4")
    with pytest.raises(InputError, match="not compared with truth"):
        compared("embed", *[reference_outputs("embed")] * 2, truth=[])
    with pytest.raises(InputError, match="no frames"):
        compare(
            playback(reference),
            playback(reference),
            [],
            stage="matte",
            precision="fp16",
            reference_name="a",
            candidate_name="b",
        )


def test_truth_must_fit() -> None:
    reference = matte(1)
    batch = np.ones((2, HEIGHT, WIDTH), np.float32)
    for truth, words in (
        ([batch] * 2, "as many batches"),
        ([batch] * 4, "as many batches"),
        ([batch[:1]] * 3, "has 2 frames, its truth 1"),
        ([batch[:, :-1]] * 3, "true alpha is float32"),
        ([batch.astype(np.uint8)] * 3, "true alpha is uint8"),
        ([255 * batch] * 3, r"values in 255\.\.255"),
        ([np.nan * batch] * 3, r"values in nan"),
    ):
        with pytest.raises(InputError, match=words):
            compared("matte", reference, reference, truth=truth)


def test_memory_does_not_grow_with_the_film() -> None:
    def film(length: int) -> Iterator[Arrays]:
        for number in range(length):
            yield {"frame": np.full((1, 270, 480, 3), number % 251 + 1, np.uint8)}

    def run(given: Any) -> Arrays:
        return {"rgba": np.concatenate([given["frame"], given["frame"][..., :1]], axis=-1)}

    def other(given: Any) -> Arrays:
        rgba = run(given)["rgba"]
        return {"rgba": rgba - np.minimum(rgba, given["frame"].max() // 9)}  # ever new worst frames

    peaks = []
    for length in (5, 60):
        tracemalloc.start()
        compare(
            run,
            other,
            film(length),
            stage="matte",
            precision="fp16",
            reference_name="a",
            candidate_name="b",
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_buffers_may_be_used_again() -> None:
    """As an engine does, which writes every batch to one place."""
    reference = reference_outputs("embed")
    played, buffer = playback(worsened("embed", reference, 1)), np.empty((1, 32), np.float16)

    def run(given: Any) -> Arrays:
        buffer[:] = played(given)["embedding"]
        return {"embedding": buffer}

    comparison = compare(
        playback(reference),
        run,
        batches(inputs(), 1),
        stage="embed",
        precision="fp16",
        reference_name="a",
        candidate_name="b",
    )
    assert comparison.worst.index == 1
    assert np.array_equal(comparison.worst.candidate["embedding"], reference["embedding"][1, ::-1])


def test_what_other_graphs_read_is_compared_whole() -> None:
    """A stage of its own measure has none: the worst output decides, whatever its shape."""
    random = np.random.default_rng(5)
    reference: dict[str, Any] = {
        "key": random.standard_normal((30, 8)).astype(np.float32),
        "labels": np.arange(4, dtype=np.int64),
        "planes": np.full((1, 2, 6, 7), 100, np.uint8),
    }

    def judged(**changed: Any) -> Comparison:
        return compare(
            lambda inputs: reference,
            lambda inputs: reference | changed,
            [{"state": reference["key"]}],
            stage="key",
            precision="fp16",
            reference_name="fp32",
            candidate_name="fp16",
        )

    near = judged(key=reference["key"] * np.float32(1.002)).parity
    (error,) = (metric for metric in near.metrics if metric.name == "relative_error")
    assert error.value == pytest.approx(0.2, rel=1e-3) and near.passed and near.frames == 1
    far = judged(planes=reference["planes"] + np.uint8(2))
    assert not far.parity.passed
    assert worst_picture(far).shape[-1] == 3
    assert not judged(key=reference["key"] * np.float32(np.nan)).parity.passed
