"""The table of precisions of `make gpu-check`, on doubles of the GPU and of the builder."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.gpu import part_precision, precision
from benchmarks.gpu.findings import Table
from tests.cli.engines.card import HEIGHT, WIDTH, Card, engine, machine_with_card
from tests.runtime.media import picture, stage_graph, write_clip
from trt_anime import paths, typed
from trt_anime.engines import builder, flavours, store
from trt_anime.engines.targets import Target
from trt_anime.errors import DownloadError, EngineError, MissingError
from trt_anime.export import graphs

PASSED = "passed, alpha_sad 0 % (≤ 0.5)"


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A machine with everything, on which building takes no time."""
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    clip = write_clip(tmp_path / "clip.mkv", [picture(index) for index in range(9)])
    graph = stage_graph(tmp_path / "matte.onnx")
    for name, value in {"CLIP": clip, "HEIGHT": HEIGHT, "WIDTH": WIDTH}.items():
        monkeypatch.setattr(precision, name, value)
    monkeypatch.setattr(precision, "calibrate", lambda graph, precision: None)
    monkeypatch.setattr(precision, "find_spec", lambda name: name)
    monkeypatch.setattr(flavours, "native_target", lambda: Target("trt", 89))
    monkeypatch.setattr(graphs, "ensure", lambda model: {"matte": graph})

    def built(source: builder.StageGraph, target: Target, **options: Any) -> Any:
        assert Path(os.environ["TRT_ANIME_HOME"]) != tmp_path / "home"
        made = engine(source.path, options["precision"], target=target.name, profile=options["profile"])
        return SimpleNamespace(entry=made)

    monkeypatch.setattr(builder, "engine_from_graph", built)
    return machine_with_card(monkeypatch)


def test_int8_is_kept_where_it_is_faster(card: Card, tmp_path: Path) -> None:
    card.takes_ms = {b"fp32": 7, b"fp16": 4, b"int8": 3}
    tables: list[Table] = []
    assert precision.engine_parity(tables) == "3 engines, see below"
    (table,) = tables
    assert table.head == ("target", "precision", "ms a frame", "parity", "kept", "why")
    assert list(table.rows) == [
        ("rtx-sm89", "fp32", "7.000", PASSED, "yes", ""),
        ("rtx-sm89", "fp16", "4.000", PASSED, "yes", ""),
        ("rtx-sm89", "int8", "3.000", PASSED.replace("0.5", "2.5"), "yes", ""),
    ]
    # Of the user's own store nothing was seen or changed.
    assert os.environ["TRT_ANIME_HOME"] == str(tmp_path / "home")
    assert store.entries() == [] and card.driver.left == 0


def test_int8_is_not_kept_where_it_is_not(card: Card) -> None:
    card.takes_ms = {b"fp32": 7, b"fp16": 3, b"int8": 4}
    tables: list[Table] = []
    precision.engine_parity(tables)
    why = "takes 4 ms a frame, and the fp16 engine 3 ms"
    assert tables[0].rows[2][2:] == ("4.000", PASSED.replace("0.5", "2.5"), "no", why)
    card.off[b"int8"] = 20
    precision.engine_parity(tables)
    *_, parity, kept, why = tables[1].rows[2]
    assert parity.startswith("failed, alpha_sad ") and kept == "no" and "; removed, look at " in why


def test_an_fp16_engine_that_is_wrong_is_a_failure(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.off[b"fp16"] = 20
    tables: list[Table] = []
    with pytest.raises(
        EngineError, match=r"^rtx-sm89 fp16: failed, alpha_sad [^;]*; 1 ms a frame; removed"
    ):
        precision.engine_parity(tables)
    assert len(tables[0].rows) == 3

    def refused(*arguments: Any, **options: Any) -> None:
        raise EngineError("no kernel")

    monkeypatch.setattr(builder, "engine_from_graph", refused)
    with pytest.raises(
        EngineError, match=r"^rtx-sm89 fp32: not built: no kernel; rtx-sm89 fp16: not built"
    ):
        precision.engine_parity(tables)


def test_what_it_needs(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named; the report then says that the check was skipped."""

    def absent(model: str) -> Path:
        raise DownloadError("no source gave u2netp")

    tables: list[Table] = []
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="need ModelOpt, or graphs that were calibrated elsewhere"):
        precision.engine_parity(tables)
    monkeypatch.setattr(graphs, "ensure", absent)
    with pytest.raises(DownloadError, match="u2netp"):
        precision.engine_parity(tables)
    monkeypatch.setattr(flavours, "native_target", lambda: Target("trt", 90))
    with pytest.raises(MissingError, match="no TensorRT for sm90 is here; `make gpu-check"):
        precision.engine_parity(tables)
    assert tables == []


def test_graphs_that_were_calibrated_elsewhere_do_without_modelopt(
    card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a bundle brings them: they are taken along into the check's own store."""
    kept = tmp_path / "typed" / "matte-u2netp-fp16"
    kept.mkdir(parents=True)
    (kept / "record.json").write_text("{}")
    seen: list[str] = []
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    monkeypatch.setattr(precision, "_calibrated", lambda graph: [kept])
    monkeypatch.setattr(precision, "calibrate", lambda *given: pytest.fail("nothing is calibrated again"))

    def proofs(graph: Path, target: Target) -> dict[str, Any]:
        seen.extend(file.name for file in paths.typed().iterdir())
        return {}

    monkeypatch.setattr(precision, "_proofs", proofs)
    assert precision.engine_parity([]) == "0 engines, see below"
    assert seen == [kept.name]


@pytest.mark.parametrize(
    ("here", "may_make", "modelopt", "found"),
    [
        (True, False, False, "kept"),
        (False, True, True, "made"),
        (False, True, False, None),
        (False, False, True, None),
    ],
)
def test_a_precision_is_taken_from_where_it_is_or_made(
    here: bool,
    may_make: bool,
    modelopt: bool,
    found: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(b"graph")
    kept = SimpleNamespace(graph=Path("kept")) if here else None
    monkeypatch.setattr(typed, "find", lambda digest, *, precision, form: kept)
    monkeypatch.setattr(part_precision, "find_spec", lambda name: modelopt or None)
    monkeypatch.setattr(part_precision, "calibrate", lambda graph, precision: Path("made"))
    if found:
        assert part_precision.lowered_to("fp16", graph, may_make=may_make) == Path(found)
    else:
        with pytest.raises(MissingError, match="isn't calibrated to fp16, which needs ModelOpt; `make gpu"):
            part_precision.lowered_to("fp16", graph, may_make=may_make)
