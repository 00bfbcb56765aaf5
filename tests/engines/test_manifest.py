import json
from pathlib import Path
from typing import Any

import pytest

from tests.engines.records import MANIFEST
from trt_anime.engines.manifest import Manifest, manifest_from_json
from trt_anime.errors import InputError

SOURCE = Path("engines/toy/manifest.json")


def test_round_trip() -> None:
    assert manifest_from_json(MANIFEST.to_json(), source=SOURCE) == MANIFEST


def test_layers_may_be_unlisted() -> None:
    fields = json.loads(MANIFEST.to_json()) | {"layer_precision": None}
    assert _read(fields).layer_precision is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"size_bytes": "9"}, "size_bytes"),
        ({"colour": "red"}, "colour"),
        ({"recipe": {"stage": "matte"}}, "recipe.model"),
        ({"schema": 99}, "version 99"),
    ],
)
def test_reads_nothing_else(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=rf"manifest\.json: .*{place}"):
        _read(json.loads(MANIFEST.to_json()) | change)


@pytest.mark.parametrize("part", ["recipe", "info"])
@pytest.mark.parametrize("change", [{"model": 7}, {"colour": "red"}])
def test_parts_are_read_as_strictly(part: str, change: dict[str, Any]) -> None:
    fields = json.loads(MANIFEST.to_json())
    with pytest.raises(InputError, match=f"{part}.{next(iter(change))}"):
        _read(fields | {part: fields[part] | change})


def test_a_field_that_lacks() -> None:
    fields = json.loads(MANIFEST.to_json())
    del fields["engine_sha256"]
    with pytest.raises(InputError, match="engine_sha256"):
        _read(fields)


def test_not_json() -> None:
    with pytest.raises(InputError, match=r"manifest\.json: not an engine's manifest"):
        manifest_from_json("{", source=SOURCE)


def _read(fields: dict[str, Any]) -> Manifest:
    return manifest_from_json(json.dumps(fields), source=SOURCE)
