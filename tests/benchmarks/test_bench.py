"""The one table: its document is its findings, and the quick run really measures."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from benchmarks import bench
from benchmarks.bench_report import Bench, Left, document, pairs_of
from benchmarks.pairs import Pair, alternated, table
from benchmarks.rembg_pairs import Facts, Measured
from benchmarks.rembg_report import pairs_of_rembg
from benchmarks.subjects import SUBJECTS
from tests.benchmarks.test_rembg_pairs import FACTS, measured
from trt_anime import __version__
from trt_anime.errors import EngineError, MissingError

PAIR = Pair("720p, chain", "sequential PyTorch", [100, 90, 110], [180, 171, 176], "max 1", floor=1.6)
WHERE: dict[str, Any] = {
    "release": "0.1.0",
    "date": "2026-01-01T00:00Z",
    "command": "c",
    "machine": "a CPU, 2 cores",
    "versions": "v",
    "threads": 2,
    "others": 0.01,
}


def whole(**facts: object) -> Bench:
    rembg: tuple[Facts, list[Measured]] = (FACTS, [measured(1.5)])
    return Bench(WHERE | facts, [PAIR], [Left("polygraphy", "needs Polygraphy")], rembg)


def test_the_document_has_each_pair_once_with_its_spread() -> None:
    text = document(whole())
    assert "| 720p, chain | sequential PyTorch | 100 (90–110) a frame | 176 (171–180) a frame |" in text  # noqa: RUF001
    assert "**1.80 (1.60–1.90)** (floor 1.6: kept) |" in text  # noqa: RUF001
    assert "| 720p, character layer by u2netp, libraries, warm | rembg |" in text
    assert "Left out: polygraphy (needs Polygraphy)." in text
    assert "- 720p, chain, against sequential PyTorch: max 1." in text
    assert "not quiet" not in text and "not quiet" in document(whole(others=0.4))


def test_the_document_says_what_is_not_plain_of_the_stages_that_were_measured() -> None:
    followed = replace(PAIR, name="720p, stage 3 xmem", floor=None)
    assert "## Sequential PyTorch" in document(whole()) and "Stage 3 follows" not in document(whole())
    text = document(Bench(WHERE, [followed, PAIR]))
    assert "Stage 3 follows two characters" in text and "Captions are" not in text


def test_findings_come_back_from_json_as_they_were() -> None:
    bench_run = whole()
    again = Bench.of(json.loads(json.dumps(asdict(bench_run))))
    assert document(again) == document(bench_run)
    assert [pair.name for pair in pairs_of(again)] == [pair.name for pair in pairs_of(bench_run)]


def test_the_table_is_of_this_release() -> None:
    assert SUBJECTS["bench"].read()["facts"]["release"] == __version__


def test_a_missed_floor_is_said() -> None:
    assert "floor 1.6: missed" in table([Pair("a", "b", [1.0], [1.5], "same", floor=1.6)])


def test_the_floor_of_rembg_is_the_libraries() -> None:
    floors = {pair.name: pair.floor for pair in pairs_of_rembg([measured(1.5)])}
    assert floors == {
        "720p, character layer by u2netp, commands, PNG folder in": None,
        "720p, character layer by u2netp, commands, ours from mp4": None,
        "720p, character layer by u2netp, libraries, warm": 1.2,
    }


def test_both_ways_take_turns() -> None:
    order: list[str] = []
    found = alternated(lambda: order.append("a"), lambda: order.append("b"), rounds=3, units=4)
    assert order == ["b", "a"] * 3
    assert len(found.ours) == len(found.theirs) == 3 and min(found.ours) > 0


def test_a_way_may_know_its_own_time() -> None:
    found = alternated(lambda: 2.0, lambda: 4.0, rounds=1, units=4)
    assert (found.ours, found.theirs) == ([500.0], [1000.0])


def test_a_quick_run_measures_everything_that_needs_no_weights(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("polygraphy")
    assert bench.main(["--quick"]) == 0
    out = capsys.readouterr().out
    table_rows = [line for line in out.splitlines() if line.startswith("| ") and "times" not in line]
    assert len(table_rows) == 1 + len(bench.QUICK_PARTS)
    assert "layers differ by 0 of 255" in out and "every byte the same" in out


@pytest.mark.parametrize("option", ["--quick", "writer", "--threads=1"])
def test_only_usual_figures_are_kept(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main([option, "--write"])
    assert ended.value.code == 2
    assert "only figures of the usual options are kept" in capsys.readouterr().err


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--quick", "rembg"]) == 2
    assert "rembg: no such part; it is one of onnxruntime, polygraphy, writer" in capsys.readouterr().out


@pytest.mark.parametrize(("error", "code"), [(MissingError("not here"), 0), (EngineError("differs"), 1)])
def test_what_is_not_here_is_left_out_but_what_differs_fails(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def part(run: bench.Measuring) -> Any:
        raise error

    monkeypatch.setattr(bench, "QUICK_PARTS", {"writer": part})
    assert bench.main(["--quick", "writer"]) == code
    out = capsys.readouterr().out
    assert ("writer: left out: not here" in out) == (code == 0)
    assert ("| times" in out or "times as fast |" in out) == (code == 0)
