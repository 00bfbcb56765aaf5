"""A stage graph's description survives the round trip; anything else is an InputError."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trt_anime.errors import InputError
from trt_anime.stage import SCHEMA, StageInfo

SOURCE = Path("graph.onnx")
INFO = StageInfo(
    stage="matte",
    model="u2netp",
    checkpoint_sha256="ab" * 32,
    licence="Apache-2.0",
    size_rule="stretch to 320x320",
    output_ranges={"rgba": (0.0, 255.0), "größe": (-1.5, 1e-3)},
    labels=("hair", "眼"),
)


def metadata(**changes: object) -> dict[str, str]:
    return INFO.to_metadata() | {f"trt_anime.{key}": json.dumps(value) for key, value in changes.items()}


def test_round_trip() -> None:
    assert StageInfo.from_metadata(INFO.to_metadata(), source=SOURCE) == INFO


@pytest.mark.parametrize("size", [(320, 320), (1024, 768)])
def test_the_size_of_the_network(size: tuple[int, int]) -> None:
    info = replace(INFO, network_size=size)
    assert StageInfo.from_metadata(info.to_metadata(), source=SOURCE) == info


def test_graphs_older_than_the_size_of_the_network() -> None:
    older = {key: value for key, value in metadata().items() if key != "trt_anime.network_size"}
    assert StageInfo.from_metadata(older, source=SOURCE) == INFO


def test_keys_of_others_are_ignored() -> None:
    others = {"author": "someone", "schema": "7"}
    assert StageInfo.from_metadata(INFO.to_metadata() | others, source=SOURCE) == INFO


@pytest.mark.parametrize("foreign", [{}, {"author": "someone"}, {"schema": str(SCHEMA)}])
def test_foreign_metadata(foreign: dict[str, str]) -> None:
    with pytest.raises(InputError) as raised:
        StageInfo.from_metadata(foreign, source=SOURCE)
    assert str(raised.value) == (
        "graph.onnx: not a stage graph of this release (no description of itself); run `trt-anime export`"
    )


def test_newer_description() -> None:
    with pytest.raises(InputError, match=r"graph\.onnx: .*description version 2.*`trt-anime export`"):
        StageInfo.from_metadata(metadata(schema=2, shape="round"), source=SOURCE)


DAMAGED = {
    "surplus": metadata(shape="round"),
    "missing": {key: value for key, value in metadata().items() if key != "trt_anime.model"},
    "no ranges": {key: value for key, value in metadata().items() if key != "trt_anime.output_ranges"},
    "ranges of one": metadata(output_ranges={"rgba": [0]}),
    "ranges as list": metadata(output_ranges=[0, 255]),
    "ranges as number": metadata(output_ranges=3),
    "labels as number": metadata(labels=3),
    "size of one": metadata(network_size=[320]),
    "size as words": metadata(network_size=["a", "b"]),
    "no JSON": metadata() | {"trt_anime.model": "u2netp"},
    "no JSON in the version": {"trt_anime.schema": "{"},
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_description(kind: str) -> None:
    with pytest.raises(InputError, match=r"^graph\.onnx: .*; run `trt-anime export`$"):
        StageInfo.from_metadata(DAMAGED[kind], source=SOURCE)
