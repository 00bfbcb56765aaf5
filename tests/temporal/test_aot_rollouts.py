"""Whole clips through the graphs on ONNX Runtime, against the official engine; and their engines."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.engines.building import built
from tests.parity.clips import Clip
from tests.temporal.aot_sets import ROLLOUTS, Set, graphs_of, rollout, shape_of
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.limits import sm75_needs_fp16
from trt_anime.runtime.temporal.aot import AotTracker
from trt_anime.runtime.temporal.aot_arrays import graphs_from_onnx
from trt_anime.stage import StageInfo

Floats = NDArray[np.float64]

SMALL, LARGE = ("aot_t", "deaot_t"), ("r50_aot_l", "r50_deaot_l")
# DeAOT's steps are AOT's and more, so of AOT's own rollouts one is enough each time: of two passes, which
# remember every second frame. Of DeAOT's, that with a new object does so in one pass, as B does.
EACH_TIME = [
    *(("deaot_t", name) for name in ("A_default", "C_two_engines", "D_new_object")),
    ("aot_t", "C_two_engines"),
]
EVERY = [(model, name) for model in (*SMALL, *LARGE) for name in ROLLOUTS]
SOMETIMES = [pair for pair in EVERY if pair not in EACH_TIME]
# Of what the official code measured between its own float32 and float64 logits, ten times as much at most.
NOISE = {"aot_t": 2e-5, "deaot_t": 2e-5, "r50_aot_l": 4e-5, "r50_deaot_l": 7e-5}
MERGED = 0.1  # of the logits of several passes: those at 1 - 1e-5 multiply what float32 loses


def log_probabilities(logits: NDArray[np.float32]) -> Floats:
    shifted = logits.astype(np.float64) - logits.max(axis=0)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=0))
    return result


def check(model: str, name: str, graphs: Set) -> None:
    """Every frame: labels equal, logits (up to the constant that softmax takes away) within the noise."""
    found = rollout(model, name)
    config = json.loads(found.arrays["config_json"].item())
    tracker, tokens, logit_error, wrong = replay(found, config, graphs)
    limit = MERGED if config["max_aot_obj_num"] else 10 * NOISE[model]
    assert logit_error <= limit
    assert wrong == 0
    assert tokens == found.arrays["long_tokens"].tolist()
    assert tracker.remembered[0][0] == 0


def replay(
    found: Clip, config: dict[str, int | None], graphs: Set
) -> tuple[AotTracker, list[int], float, int]:
    """(the tracker; tokens remembered after each frame; largest error of a logit; wrong labels).

    Labels are the network's own, except where the official run was given the true ones.
    """
    shape, arrays = shape_of(found), found.arrays
    frames = np.ascontiguousarray(found.frames.transpose(0, 2, 3, 1))
    objects, appear = config["num_objects"], config["new_objects_at"]
    assert objects is not None and config["long_term_mem_gap"] and config["short_term_mem_skip"]
    first = config["objects_first"] or objects
    tracker = AotTracker(
        graphs_from_onnx(graphs, objects=shape.objects),
        gap=config["long_term_mem_gap"],
        skip=config["short_term_mem_skip"],
    )
    tracker.start(frames[:1], arrays["fed_labels"][:1], first)
    tokens, logit_error, wrong = [shape.tokens], 0.0, 0
    for index in range(1, len(frames)):
        decoded = tracker.propagate(frames[index : index + 1])
        logit_error = max(logit_error, _error(decoded.probabilities, arrays["logits_s3"][index - 1]))
        labels = decoded.labels
        if index == appear:
            mask = found.masks[index : index + 1]
            labels = tracker.add(np.where(mask > first, mask, 0).astype(np.uint8), objects).labels
        else:
            teacher = arrays["fed_labels"][index : index + 1] if config["max_aot_obj_num"] else labels
            tracker.memorise(teacher)
        wrong += int((labels[0] != arrays["labels"][index]).sum())
        tokens.append(len(tracker.remembered[0]) * shape.tokens)
    return tracker, tokens, logit_error, wrong


def _error(probabilities: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    expected = log_probabilities(logits)
    there = expected > -100  # objects that have not appeared have the logit -1e10
    actual = probabilities[0, : len(logits), ::3, ::3].astype(np.float64)
    assert not actual[~there].any()
    return float(np.abs(np.log(actual, where=there, out=expected.copy()) - expected).max())


@pytest.mark.parametrize(("model", "name"), EACH_TIME)
def test_rollout(model: str, name: str) -> None:
    check(model, name, graphs_of(model, name))


@pytest.mark.stress
@pytest.mark.parametrize(("model", "name"), SOMETIMES)
def test_rollout_that_takes_long(model: str, name: str) -> None:
    check(model, name, graphs_of(model, name))


def test_memory_stays_bounded_and_the_result_sound() -> None:
    """Far more frames than slots, all remembered: the given one stays, the oldest found ones go."""
    found = rollout("deaot_t", "C_two_engines")
    frames = np.ascontiguousarray(found.frames.transpose(0, 2, 3, 1))
    graphs = graphs_from_onnx(graphs_of("deaot_t", "C_two_engines"), objects=2)
    tracker = AotTracker(graphs, gap=1)
    tracker.start(frames[:1], found.masks[:1], 3)
    for index in range(1, 41):
        decoded = tracker.step(frames[index % len(frames) :][:1])
        assert np.isfinite(decoded.probabilities).all()
    kept = (0, *range(41 - graphs.slots + 1, 41))
    assert tracker.remembered == (kept, kept)


@pytest.mark.parametrize("model", SMALL)
def test_graphs_describe_themselves(model: str) -> None:
    shape = shape_of(rollout(model, "C_two_engines"))
    for name, content in graphs_of(model, "C_two_engines").items():
        graph = onnx.load_from_string(content)
        properties = {entry.key: entry.value for entry in graph.metadata_props}
        info = StageInfo.from_metadata(properties, source=Path(name))
        assert (info.stage, info.model, info.network_size) == (name, model, shape.network_size)
        assert {node.name.partition("/")[0] for node in graph.graph.node} <= {"pre", "net", "post"}
        assert b"/site-packages/" not in content and b".py" not in content, (
            "where it was made is nobody's business"
        )
        assert not {"Shape", "If", "Loop", "NonZero", "GatherND"} & {
            node.op_type for node in graph.graph.node
        }


@pytest.mark.parametrize("model", SMALL)
def test_only_graphs_without_a_matrix_product_build_for_sm75_in_fp32(model: str) -> None:
    graphs = graphs_of(model, "C_two_engines")
    needing = {name for name, content in graphs.items() if sm75_needs_fp16(onnx.load_from_string(content))}
    assert needing == {"refer", "propagate", "memorise"}


@pytest.mark.parametrize("capability", [75, 89, 120])
def test_engines_build(capability: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All graphs of DeAOT for one GPU, and for all GPUs those of both that hold the layers."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    wanted = [(model, name) for model in SMALL for name in ("refer", "propagate")]
    if capability == 89:
        wanted += [("deaot_t", name) for name in ("decode", "memorise", "merge")]
    for model, name in wanted:
        path = tmp_path / f"{model}-{name}.onnx"
        path.write_bytes(graphs_of(model, "C_two_engines")[name])
        precision: Precision = "fp32" if name == "merge" else "fp16"  # it has no network to type
        manifest = built(path, capability, precision, Profile(height=81, width=97, max_batch=1))
        assert manifest.layer_precision
        assert bool(manifest.layer_precision.get("float16")) == (precision == "fp16")
