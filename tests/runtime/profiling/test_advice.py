"""What bounds a run, and what to do next."""

from dataclasses import replace

import pytest

from trt_anime.runtime.profiling.advice import HEADLINES, RULES, Seen, bound_of, busiest_stage, verdict

SEEN = Seen(
    bound="compute",
    busy=0.97,
    device="cpu",
    stage="2a",
    model="u2netp",
    provider="CPUExecutionProvider",
    precision="fp32",
    format="png",
    batch=1,
    cores=2,
    others=0.0,
    held=True,
    reused=0.3,
    clip="clip.mp4",
)


@pytest.mark.parametrize(
    ("busy", "shares", "expected"),
    [
        ({"feed": 0.2, "compute": 0.98, "encode": 0.5}, {}, ("compute", 0.98)),
        ({"feed": 0.2, "compute": 0.7, "encode": 0.9}, {}, ("encode", 0.9)),
        ({"feed": 0.9, "compute": 0.3}, {"decode": 0.6, "look ahead": 0.2}, ("decode", 0.9)),
        ({"feed": 0.9, "compute": 0.3}, {"decode": 0.2, "look ahead": 0.6}, ("look ahead", 0.9)),
        ({"copy out": 0.8, "compute": 0.7}, {}, ("copy out", 0.8)),
        ({"feed": 0.3, "compute": 0.5}, {}, ("latency", 0.5)),
        ({}, {}, ("latency", 0.0)),
    ],
)
def test_the_busiest_resource_bounds(
    busy: dict[str, float], shares: dict[str, float], expected: tuple[str, float]
) -> None:
    resources = [{"name": name, "busy": value} for name, value in busy.items()]
    rows = [{"name": name, "share_of_wall": value} for name, value in shares.items()]
    assert bound_of(resources, rows) == expected


def test_the_busiest_stage() -> None:
    rows = [
        {"name": "stage 2a", "share_of_wall": 0.3},
        {"name": "stage 2b", "share_of_wall": 0.4},
        {"name": "decode", "share_of_wall": 0.9},
    ]
    assert busiest_stage(rows) == "2b"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "--precision int8"),
        ({"device": "cuda", "provider": "CUDAExecutionProvider"}, "engines build u2netp"),
        ({"device": "cuda", "provider": "TensorRT-RTX"}, "PRECISION=fp16"),
        ({"device": "null", "provider": "replay", "precision": "none"}, "replays another device"),
        ({"bound": "encode", "format": "ffv1"}, "--format png"),
        ({"bound": "encode"}, "--threads"),
        ({"bound": "decode", "device": "cuda"}, "trt-anime[gpu]"),
        ({"bound": "look ahead"}, "--preset fast"),
        ({"bound": "latency", "batch": 2}, "--batch-size 4"),
        ({"held": False}, "--no-held-frames"),
        ({"others": 1.4}, "1.4 cores busy"),
    ],
)
def test_what_to_do(changes: dict[str, object], words: str) -> None:
    found = verdict(replace(SEEN, **changes))  # type: ignore[arg-type]
    assert any(words in sentence for sentence in found["next"]), found


def test_an_engine_in_fp16_is_not_told_to_become_one() -> None:
    found = verdict(replace(SEEN, device="cuda", provider="TensorRT", precision="fp16"))
    assert found["next"] == []


@pytest.mark.parametrize("bound", HEADLINES)
def test_every_bound_has_words(bound: str) -> None:
    found = verdict(replace(SEEN, bound=bound))
    assert "{" not in " ".join([found["headline"], *found["next"]])
    assert found["next"] and len(RULES) > len(HEADLINES)
