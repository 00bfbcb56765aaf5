"""Runs of the synthetic chain are compared to the byte, and what differs is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import synthetic_chain, synthetic_run
from trt_anime.runtime.passes.table import MATTE, PASSES
from trt_anime.runtime.text.tokenizer import Tokenizer

NETWORK = {"stage": "2a", "model": "u2netp", "graph": "matte", "weights": "real", "at_once": 2}
RUN: dict[str, Any] = {
    "elapsed_s": 20.0,
    "fps": 1.2,
    "peak_bytes": 2_500_000_000,
    "passes": [{"name": "matte", "run_s": 4.0, "networks_s": 3.0}],
    "networks": [
        NETWORK | {"runs": 20, "run_s": 6.0},
        NETWORK | {"graph": "never", "runs": 0, "run_s": 0.0},
    ],
}
FOUND: dict[str, Any] = {
    "date": "2026-01-01T00:00Z",
    "machine": "a CPU, 2 cores",
    "versions": "v",
    "threads": 2,
    "size": "640x360",
    "frames": 24,
    "without": ["xmem"],
    "computed": 20,
    "others": 0.0,
    "runs": [RUN, RUN | {"passes": [{"name": "matte", "run_s": 5.0, "networks_s": 3.5}]}],
    "files": 99,
    "differ_again": [],
    "killed_in": ["matte", "plate"],
    "differ_killed": [],
    "numbers": 12345,
    "not_finite": 0,
}


def test_the_section_says_what_was_found() -> None:
    text = synthetic_chain.document(FOUND)
    assert "a captioner, without xmem, 24 frames" in text
    assert "| matte | 4.0 | 3.0 | 5.0 | 3.5 |" in text
    assert "| 2a u2netp | real | matte | 20 | 150.0 |" in text and "never" not in text
    assert "Both runs left the same bytes in 99 files" in text
    assert "in the middle of 2 passes (matte, plate), resumed each time, and left the same bytes" in text
    assert "12,345 numbers, all of them finite" in text and synthetic_chain.is_steady(FOUND)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"differ_again": ["a.png"]}, "**other bytes in 1 files (a.png)**"),
        ({"differ_killed": ["b.png"]}, "left **other bytes in 1 files (b.png)**"),
        ({"not_finite": 3}, "**3 of them not finite**"),
    ],
)
def test_what_is_unsteady_is_told(change: dict[str, Any], words: str) -> None:
    found = FOUND | change
    assert words in synthetic_chain.document(found) and not synthetic_chain.is_steady(found)


def test_results_are_compared_and_numbers_looked_at(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("other", float("nan"))):
        folder = tmp_path / name / "stage4_annotation"
        folder.mkdir(parents=True)
        np.save(folder / "clip.npy", np.full(4, value, np.float16))
        (folder / "annotation.jsonl").write_text(f'{{"a": [1, {{"b": {json.dumps(value)}}}], "c": true}}\n')
        (tmp_path / name / "run.json").write_text(f'{{"elapsed_s": {len(name)}}}')
    trees = [synthetic_chain.digests(tmp_path / name) for name in ("one", "other")]
    paths = ["stage4_annotation/annotation.jsonl", "stage4_annotation/clip.npy"]
    assert synthetic_chain.differing(*trees) == paths, "a run's times are its own"
    assert synthetic_chain.differing(trees[0], {}) == paths
    assert [synthetic_chain.numbers_in(tmp_path / name) for name in ("one", "other")] == [(7, 0), (7, 5)]


def test_it_is_killed_in_every_pass() -> None:
    assert set(synthetic_chain.KILLED_IN) == {MATTE, *(one.name for one in PASSES)}


def test_networks_that_are_left_out_are_in_no_stage() -> None:
    every = synthetic_run.choices(())
    models = set(every.models(synthetic_run.STAGES))
    assert {
        "u2netp",
        "mobile-sam",
        "clipseg",
        "lama",
        "xmem",
        "clip-b32",
        "dinov2-s",
        "blip-base",
    } == models
    without = ("xmem", "blip-base", "lama", "clipseg", "clip-b32")
    fewer = set(synthetic_run.choices(without).models(synthetic_run.STAGES))
    assert fewer == models - set(without)


def test_the_small_tokenizer_reads_what_chains_ask(tmp_path: Path) -> None:
    words = Tokenizer.from_file(synthetic_run.small_tokenizer(tmp_path), context=8)
    ids = words.encode(["glow", "never heard of"]).ids
    assert ids.shape == (2, 8) and ids[0, 1] != ids[1, 1] and (ids < 6).all()
    assert "girl" in words.decode([3, 49000])
