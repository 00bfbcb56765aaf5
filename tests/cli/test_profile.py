"""`trt-anime profile`: three files, a verdict, and a comparison with an exit code."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.calibration.toys import bright_matte
from tests.cli.drawn import Texts, drawn
from tests.runtime.media import picture, write_clip
from trt_anime.cli import choosing, main
from trt_anime.cli.profiling.summary import chain_lines
from trt_anime.errors import MissingError
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.profiling.profiled import Profile
from trt_anime.runtime.profiling.report.page import page
from trt_anime.runtime.profiling.spans import Recording, Span

Run = Callable[..., tuple[int, str, str]]

FRAMES = 30
SPAN = Span("decode", "feed", 0.0, 1.0, 0)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Exit code, stdout and stderr of `trt-anime profile ...`."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["profile", *map(str, words)])
        text = capfd.readouterr()
        return (left.value.code if isinstance(left.value.code, int) else 0), text.out, text.err

    return run


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [picture(index) for index in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("clip") / "film & <b>.mp4", frames, codec="ffv1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A profile of the clip with a small network on the CPU."""
    folder = tmp_path_factory.mktemp("profile")
    graph = folder / "toy.onnx"
    graph.write_bytes(bright_matte().SerializeToString())
    with pytest.raises(SystemExit) as left:
        words = ["profile", str(clip), "-o", str(folder / "out"), "--graph", str(graph)]
        main([*words, "--device", "cpu", "--runs", "2", "--threads", "1"])
    assert not left.value.code
    return folder / "out"


@pytest.fixture(scope="module")
def made_chain(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A profile of two stages, with the same network and segments that need none."""
    folder = tmp_path_factory.mktemp("chain")
    graph, config = folder / "toy.onnx", folder / "settings.json"
    graph.write_bytes(bright_matte().SerializeToString())
    config.write_text(json.dumps({"stage1.method": "matte", "preset": "fast", "threads": 1}))
    words = ["profile", str(clip), "-o", str(folder / "out"), "--config", str(config), "--runs", "2"]
    with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit) as left:
        patched.setattr(choosing, "files_of", lambda model: ModelFiles({"matte": graph}))
        main([*words, "--stages", "1,2a", "--device", "cpu"])
    assert not left.value.code
    return folder / "out"


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    return facts


def test_three_files_and_no_layers(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["profile.json", "report.html", "trace.json"]


def test_the_figures_are_those_of_the_run(made: Path) -> None:
    facts = facts_of(made)
    assert facts["held"] == {"frames": FRAMES, "computed": FRAMES, "reused": 0.0}
    assert facts["clip"]["path"] == "film & <b>.mp4"
    assert [run["frames"] for run in facts["runs"]] == [FRAMES, FRAMES]
    assert facts["stages"][0]["provider"] == "CPUExecutionProvider"
    assert facts["stages"][0]["precision"] == "fp32" and facts["stages"][0]["model"] == "toy"
    assert facts["memory"]["device_bytes"] == sum(
        item["total_bytes"] for item in facts["memory"]["plan"] if item["place"] == "device"
    )
    assert facts["memory"]["resident_peak_bytes"] >= facts["memory"]["resident_at_start_bytes"] > 10_000_000
    assert 0 <= facts["device_idle"] <= 1 and facts["fps"]["steady"] > 0
    names = {row["name"] for row in facts["figures"]}
    assert {"decode", "stage 2a", "copy out character", "encode character", "slot"} <= names
    for row in facts["figures"]:
        assert row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"] <= row["max_ms"]


def test_layers_and_roofline(made: Path) -> None:
    facts = facts_of(made)
    (group,) = facts["layers"]
    assert group["stage"] == "2a" and {layer["part"] for layer in group["layers"]} >= {"net"}
    assert {point["level"] for point in facts["roofline"]["points"]} == {"stage", "part", "layer"}
    assert facts["ceilings"] and facts["verdict"]["headline"]


def test_several_stages_have_passes_and_networks(made_chain: Path) -> None:
    facts = facts_of(made_chain)
    assert facts["kind"] == "chain" and facts["options"]["preset"] == "fast"
    names = [row["name"] for row in facts["passes"]]
    assert names == ["look", "matte", "segment", "characters", "check", "preview"]
    (network,) = facts["networks"]
    assert (network["name"], network["runs"], network["batch"]) == ("toy matte (matte)", FRAMES, 1)
    assert network["provider"] == "CPUExecutionProvider" and network["copy_in"]["count"] == FRAMES
    assert facts["passes"][1]["open_s"] > 0 and facts["passes"][1]["device_bytes"] > 0
    inside = facts["pipeline"]
    assert {"decode", "stage 2a", "encode character"} <= {row["name"] for row in inside["figures"]}
    assert inside["layers"][0]["stage"] == "2a" and inside["steady_fps"] > 0
    assert facts["choices"]["segmentation"]["method"] == "matte"


def test_a_profile_of_several_stages_against_itself_is_noise(made_chain: Path, run: Run) -> None:
    code, out, _ = run("compare", made_chain, made_chain)
    assert code == 0
    assert re.search(r"^network toy matte \(matte\) .* noise$", out, re.MULTILINE)
    assert re.search(r"^pass segment .* noise$", out, re.MULTILINE)


def test_two_kinds_have_nothing_in_common_but_are_compared(made: Path, made_chain: Path, run: Run) -> None:
    _, out, _ = run("compare", made, made_chain)
    assert "note: kind: frames against chain" in out


class _Page(HTMLParser):
    """What a page loads from elsewhere, its text by id, and the data within."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href") and not (value or "").startswith(("#", "data:")):
                self.loads.append(f"{tag} {name}={value}")
            if name == "id":
                self.ids.add(value or "")
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


@pytest.mark.parametrize("kind", ["made", "made_chain"])
def test_the_report_loads_nothing_and_holds_its_data(kind: str, request: pytest.FixtureRequest) -> None:
    made: Path = request.getfixturevalue(kind)
    text = (made / "report.html").read_text(encoding="utf-8")
    assert str(made.parent) not in text
    page = _Page()
    page.feed(text)
    assert page.loads == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://", text)
    data, script = page.scripts
    shown = json.loads(data)
    assert shown["fps"] == facts_of(made)["fps"]
    assert len(shown["timeline"]["spans"]) > FRAMES * 8
    assert len(text.encode()) < 1_500_000
    assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= page.ids
    assert "film &amp; &lt;b&gt;.mp4 · trt-anime profile</title>" in text


@pytest.fixture(scope="module")
def told(made_chain: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Texts, dict[str, Any]]:
    """The report of two stages as a browser draws it, and its profile: 2a's figures unlike the run's."""
    folder, facts = tmp_path_factory.mktemp("drawn"), facts_of(made_chain)
    facts["cpu_cores_busy"], facts["machine"]["usable_cores"] = 1.0, 4
    facts["pipeline"] |= {"cpu_cores_busy": 3.0, "overlap": 2.75, "device_idle": 0.125, "steady_fps": 31.5}
    facts["memory"] |= {"resident_peak_bytes": 1_940_000_000, "device_bytes": 711_000_000}
    facts["pipeline"]["memory"] |= {"resident_peak_bytes": 830_000_000, "resident_at_start_bytes": 9**9}
    facts["passes"][2] |= {"device_bytes": 617_000_000, "pinned_bytes": 23_000_000}
    (folder / "report.html").write_text(page(Profile(facts, Recording(spans=[SPAN]))), encoding="utf-8")
    return drawn(folder / "report.html", folder), facts


def test_stage_2a_s_sections_show_its_own_figures(told: tuple[Texts, dict[str, Any]]) -> None:
    texts, facts = told
    assert re.search(r"CPU cores . 4 75 %$", texts.of["resources"])
    assert "peaked at 830 MB, 443 MB above its start" in texts.of["memory-note"]
    assert "CPU 1.00 of 4 cores" in texts.of["tiles"] and "Memory 1.94 GB" in texts.of["tiles"]
    latency = texts.of["latency"]
    own = latency.partition("Stage 2a frame by frame")[2]
    names = [row["name"] for row in facts["pipeline"]["figures"]]
    assert {"decode", "encode character", "queue before stage 2a", "slot"} <= set(names)
    assert all(f" {name} " in own for name in names)
    assert "network toy matte (matte)" in latency.partition("Stage 2a frame by frame")[0]
    distributions = facts["pipeline"]["runs"][0]["samples_ms"]
    assert set(names) <= set(distributions)


def test_what_goes_on_at_once_and_memory_of_passes_are_shown(told: tuple[Texts, dict[str, Any]]) -> None:
    texts, facts = told
    for words in ("Stage 2a overlap 2.75", "Stage 2a idle 13 %", "Stage 2a steady 31.50 FPS"):
        assert words in texts.of["tiles"]
    idle = 1 - sum(row["network_s"] for row in facts["passes"]) / facts["elapsed_s"]
    assert f"device idle {100 * idle:.0f} %" in texts.of["tiles"] and "711 MB device" in texts.of["tiles"]
    assert "617 MB 23 MB" in texts.of["pass-table"]
    lines = "\n".join(chain_lines(facts))
    assert "stage 2a frame by frame, 31.50 FPS at steady state; device idle 12%, overlap 2.75" in lines
    assert "memory: 1940 MB of the process at most, 711 MB on the device" in lines
    assert re.search(r"^segment .* 617 +23", lines, re.MULTILINE)
    assert re.search(r"^queue before stage 2a +\d", lines, re.MULTILINE)


def test_layers_are_those_of_one_run_and_the_footer_is_true_anywhere(
    told: tuple[Texts, dict[str, Any]],
) -> None:
    texts, facts = told
    count = len(facts["pipeline"]["layers"][0]["layers"])
    assert texts.of["layer-note"].startswith(f"{count} layers take ")
    assert "one run of 2a" in texts.of["layer-note"] and "nets" in texts.hidden
    assert "beside" not in texts.of["footer"]


def test_labels_of_a_roofline_stand_apart(made_chain: Path, tmp_path: Path) -> None:
    """Two networks that reach nearly the same, one of them where the memory roof has its words."""
    facts = facts_of(made_chain)
    point = {"level": "stage", "precision": "fp32", "ms": 1.0, "operations": 1, "bytes": 1, "reached": 0.5}
    names = ["stage 2a", "stage 1 mobile-sam image", "stage 2c migan inpaint", "stage 3 mobile-sam image"]
    facts["pipeline"]["roofline"] = {
        "threads": 1,
        "roofs": [
            {"name": "copy", "unit": "bytes/s", "rate": 2e10},
            {"name": "matmul fp32", "unit": "operations/s", "rate": 2e11},
        ],
        "points": [
            point | {"name": name, "intensity": at, "rate": rate}
            for name, at, rate in zip(
                names, (1.0, 2.0, 2.1, 2.0), (2.2e10, 1e11, 1e11, 1.01e11), strict=True
            )
        ],
    }
    (tmp_path / "report.html").write_text(page(Profile(facts, Recording(spans=[SPAN]))), encoding="utf-8")
    found = drawn(tmp_path / "report.html", tmp_path).labels
    boxes = {
        text: (x - 3 * len(text), y - 6, x + 3 * len(text), y + 6) for text, x, y in found if text in names
    }
    assert len(boxes) == len(names)
    for one, other in combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_profile_against_itself_is_noise(made: Path, run: Run) -> None:
    code, out, err = run("compare", made, made / "profile.json")
    assert code == 0 and err == ""
    assert "nothing is slower by more than 5% beyond noise" in out


def test_a_slowdown_is_exit_code_1(made: Path, tmp_path: Path, run: Run) -> None:
    """Both are made from figures with little spread: how steady this machine is doesn't matter here."""
    rng = np.random.default_rng(0)
    for name, factor in (("a", 1.0), ("b", 1.2)):
        facts = facts_of(made)
        for one in facts["runs"]:
            one["samples_ms"] = {key: list(rng.normal(10, 0.1, 60)) for key in one["samples_ms"]}
            one["samples_ms"]["stage 2a"] = list(rng.normal(10 * factor, 0.1, 60))
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    code, out, _ = run("compare", tmp_path / "a.json", tmp_path / "b.json", "--fail-over", "5%")
    assert code == 1
    assert out.splitlines()[-1] == "slower by more than 5%, and not by chance: stage 2a"
    assert re.search(r"^stage 2a +\d+\.\d+ +\d+\.\d+ +\+(19|20)\.\d% .* slower$", out, re.MULTILINE)
    assert run("compare", tmp_path / "a.json", tmp_path / "b.json", "--fail-over", "30")[0] == 0
    assert run("compare", tmp_path / "b.json", tmp_path / "a.json")[0] == 0


def test_a_replayed_stage_with_options_first(tmp_path: Path, clip: Path, run: Run) -> None:
    latencies = tmp_path / "gpu.json"
    seconds = {"2a": 0.002}
    latencies.write_text(json.dumps({"schema": 1, "gpu": "a GPU", "seconds_per_run": seconds}))
    words = ("--device", "null", "--latencies", latencies, "--stages", "2a", "--runs", "1")
    code, out, _ = run(*words, clip, "-o", tmp_path / "out", "--batch-size", "2", "--threads", "1")
    assert code == 0
    facts = facts_of(tmp_path / "out")
    assert facts["device"] == {"name": "null", "title": "a GPU"} and facts["memory"]["batch"] == 2
    assert [stage["number"] for stage in facts["stages"]] == ["2a"]
    assert facts["layers"] == [] and facts["verdict"]["headline"] in out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nowhere.mp4", "-o", "out"], 2, "nowhere.mp4: "),
        (["CLIP", "-o", "out", "--limit", "5", "--device", "null", "--stages", "2a"], 2, "needs 12"),
        (["CLIP", "-o", "out", "--stages", "9"], 2, "no such stage"),
        (["CLIP", "-o", "out", "--stages", "2b"], 2, "stage 2b has nothing to look for"),
        (["CLIP", "-o", "out", "--stages", "2c"], 2, "stage 2c reads from stage 2a or 3"),
        (["CLIP", "-o", "out", "--stages", "1,2a", "--graph", "a.onnx"], 2, "goes with --stages 2a"),
        (["CLIP", "-o", "out", "--stages", "1", "--start-stage", "2"], 2, "goes without --start-stage"),
        (["CLIP", "-o", "out", "--stages", "1,2a", "--format", "png16"], 2, "format png16"),
        (["CLIP", "-o", "out", "--config", "none.json"], 2, "none.json: can't be read"),
        (["CLIP", "-o", "out", "--preset", "fast"], 3, "stage 2a wants u2netp (u2netp: isn't here)"),
        (["CLIP", "-o", "out", "--graph", "a.onnx", "--model", "u2netp"], 2, "give one of the two"),
        (["compare", "no-a", "no-b"], 2, "can't be read"),
        (["compare", "CLIP", "CLIP"], 2, "is not JSON"),
        (["compare", "a", "b", "--fail-over", "lots"], 2, "not a percentage"),
    ],
)
def test_one_sentence_and_nothing_left(
    tmp_path: Path,
    clip: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    sentence: str,
) -> None:
    def no_files(model: str) -> ModelFiles:
        raise MissingError(f"{model}: isn't here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choosing, "files_of", no_files)
    found, _, err = run(*(clip if word == "CLIP" else word for word in words))
    assert found == code
    last = err.splitlines()[-1]
    assert last.startswith("error: ") and sentence in last
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_another_schema_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "profile.json").write_text('{"schema": 99}')
    code, _, err = run("compare", tmp_path, tmp_path)
    assert code == 2 and "is no profile of this release" in err
