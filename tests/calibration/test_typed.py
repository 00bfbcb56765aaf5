"""Typed graphs on disk: found whole or not at all."""

import json
from collections.abc import Callable
from dataclasses import replace
from errno import ENOSPC
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from trt_anime.errors import InputError, OutputError
from trt_anime.parity import Metric, Parity, TensorDifference
from trt_anime.typed import SCHEMA, Frames, Kept, Record, Speed, find, install, record_from_json

GRAPH, PICTURE, SOURCE = b"a typed graph", b"a picture", "ab" * 32

PARITY = Parity(
    reference="fp32 graph",
    candidate="int8 graph",
    frames=8,
    metrics=(Metric("alpha_sad", 1.25, 2.5, "%", "lower"), Metric("alpha_mse", 0.5, None, "", "lower")),
    tensors={"rgba": TensorDifference(9.0, 0.25, 3.0, (0.0, 1.0, 9.0), (10, 2))},
    worst_frame=3,
)
RECORD = Record(
    stage="matte",
    model="u2netp",
    precision="int8",
    form="cpu",
    source_sha256=SOURCE,
    graph_sha256=sha256(GRAPH).hexdigest(),
    settings="cd" * 32,
    method="entropy",
    frames=Frames(("clip.mp4",), ((0, 12), (0, 99)), ((0, 50),), 7),
    kept=(Kept("net/Conv_1", "alone it costs 4 %"),),
    shares={"float32": 0.25, "int8": 0.75},
    parity=PARITY,
    speeds=(
        Speed("CPUExecutionProvider", 0.12, 0.25, 2.1, 1.9, 2.2),
        Speed("OpenVINO", 0.08, 0.24, 3.0, 2.8, 3.1),
    ),
    in_use=True,
    why="3.0 times faster, inside the budget",
    tools={"onnx": "1.23.2"},
    created="2026-11-25T20:00:00Z",
)


def found() -> Record | None:
    graph = find(SOURCE, precision="int8", form="cpu")
    return graph.record if graph else None


def test_what_was_installed_is_found(home: Path) -> None:
    assert found() is None
    installed = install(RECORD, GRAPH, PICTURE)
    assert find(SOURCE, precision="int8", form="cpu") == installed
    assert installed.record == RECORD
    assert installed.folder == home / "typed" / "matte-u2netp-int8-cpu-abababababab"
    assert installed.graph.read_bytes() == GRAPH
    assert installed.picture.read_bytes() == PICTURE
    assert installed.record.parity.passed


@pytest.mark.parametrize(
    "other",
    [
        {"source_sha256": "ab" * 31 + "cd"},  # the first digits are the same
        {"source_sha256": "cd" * 32},
        {"precision": "fp16"},
        {"form": "tensorrt"},
    ],
)
def test_another_graph_is_not_found(home: Path, other: dict[str, Any]) -> None:
    install(replace(RECORD, **other), GRAPH, PICTURE)
    assert found() is None


def test_precisions_and_forms_lie_side_by_side(home: Path) -> None:
    records = [
        replace(RECORD, precision="fp16", form="tensorrt"),
        replace(RECORD, precision="int8", form="tensorrt"),
        replace(RECORD, precision="int8", form="cpu"),
    ]
    for record in records:
        install(record, GRAPH, PICTURE)
    for record in records:
        graph = find(SOURCE, precision=record.precision, form=record.form)
        assert graph and graph.record == record


def test_a_later_one_takes_its_place(home: Path) -> None:
    install(RECORD, GRAPH, PICTURE)
    better = replace(RECORD, graph_sha256=sha256(b"better").hexdigest(), method="percentile")
    install(better, b"better", PICTURE)
    assert found() == better
    assert len([*(home / "typed").iterdir()]) == 1


def damaged(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("graph.onnx", damaged),
        ("graph.onnx", Path.unlink),
        ("graph.onnx", lambda path: path.write_bytes(b"")),
        ("record.json", Path.unlink),
        ("record.json", lambda path: path.write_text(path.read_text()[:-20])),
        ("record.json", lambda path: path.write_bytes(b"\xff\xfe")),
        ("record.json", lambda path: path.write_text("[]")),
    ],
)
def test_what_is_damaged_is_not_found(home: Path, name: str, harm: Callable[[Path], Any]) -> None:
    installed = install(RECORD, GRAPH, PICTURE)
    harm(installed.folder / name)
    assert found() is None
    install(RECORD, GRAPH, PICTURE)
    assert found() == RECORD


def test_graph_that_cannot_be_read_is_not_found(home: Path) -> None:
    installed = install(RECORD, GRAPH, PICTURE)
    installed.graph.unlink()
    installed.graph.mkdir()
    assert found() is None


def test_new_graph_beside_an_old_record_is_not_found(home: Path) -> None:
    """Killed between two renames."""
    install(RECORD, GRAPH, PICTURE).graph.write_bytes(b"new")
    assert found() is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_full_disk_leaves_the_earlier_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whichever of the three files is too much for it."""
    earlier = install(RECORD, GRAPH, PICTURE)
    before = {path.name: path.read_bytes() for path in earlier.folder.iterdir()}
    written: list[Path] = []
    write = Path.write_bytes

    def write_until_full(path: Path, data: bytes) -> int:
        written.append(path)
        write(path, data[: len(data) // 2])
        if len(written) > number:
            raise OSError(ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(OutputError, match=r"can't be written \(No space left on device\); free space"):
        install(replace(RECORD, graph_sha256=sha256(b"new").hexdigest()), b"new", b"other")
    assert len(written) == number + 1
    assert {path.name: path.read_bytes() for path in earlier.folder.iterdir()} == before
    assert found() == RECORD


def test_record_there_and_back() -> None:
    assert record_from_json(RECORD.to_json(), source=Path("x")) == RECORD


def test_record_of_another_release(home: Path) -> None:
    newer = json.loads(RECORD.to_json()) | {"schema": SCHEMA + 1}
    message = rf"^x: record version {SCHEMA + 1}, this release reads {SCHEMA}; calibrate again$"
    for text in (json.dumps(newer), json.dumps({**newer, "field that is new": 1}), '{"schema": 2}'):
        with pytest.raises(InputError, match=message):
            record_from_json(text, source=Path("x"))
    installed = install(RECORD, GRAPH, PICTURE)
    (installed.folder / "record.json").write_text(json.dumps(newer))
    assert found() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": 3}, "model: "),
        ({"form": "gpu"}, "form: "),
        ({"surprise": 1}, "surprise: "),
        ({"frames": {"clips": []}}, r"frames\.calibration: "),
    ],
)
def test_what_is_no_record(change: dict[str, Any], words: str) -> None:
    text = json.dumps(json.loads(RECORD.to_json()) | change)
    with pytest.raises(InputError, match=rf"^x: not a record \({words}.*\); calibrate again$"):
        record_from_json(text, source=Path("x"))
    with pytest.raises(InputError, match=r"^x: not a record \(the file: .*\); calibrate again$"):
        record_from_json("no json", source=Path("x"))


def test_home_that_cannot_be_written(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"record\.json: can't be written \(.+\); free space or choose"):
        install(RECORD, GRAPH, PICTURE)
    assert found() is None


def test_fastest() -> None:
    assert RECORD.fastest == RECORD.speeds[1]
    assert replace(RECORD, speeds=()).fastest is None
