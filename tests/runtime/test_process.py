"""A whole run: what is checked before, what is left behind, what `run.json` says."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.media import (
    expected_rgba,
    picture,
    read_png,
    stage_graph,
    tree,
    write_clip,
    write_image,
    write_images,
)
from trt_anime.errors import InputError, MissingError, OutputError, TrtAnimeError
from trt_anime.files import sha256_of
from trt_anime.runtime import output
from trt_anime.runtime import process as process_module
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.record import RunRecord
from trt_anime.runtime.stages import STAGES

LAYER = Path(STAGES["2a"].layers[0].folder)
FACTS = ("ledger.jsonl", "run.json")


@pytest.fixture(scope="session")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage_graph(tmp_path_factory.mktemp("graph") / "luma.onnx")


def process(source: Path, output: Path, graph: Path, **options: Any) -> RunRecord:
    return process_clip(ProcessOptions(input=source, output=output, **options), graph=lambda stage: graph)


def run_json(output: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((output / "run.json").read_text(encoding="utf-8"))
    return facts


def pngs(count: int) -> list[str]:
    return [str(LAYER / f"frame_{i:06d}.png") for i in range(count)]


def test_a_folder_becomes_layers_and_a_record(tmp_path: Path, graph: Path) -> None:
    frames = [picture(i, height=75, width=127) for i in range(7)]
    source = write_images(tmp_path / "in", frames)
    told: list[str] = []
    record = process_clip(
        ProcessOptions(input=source, output=tmp_path / "out", threads=3, batch_size=2),
        graph=lambda stage: graph,
        notify=told.append,
    )
    assert tree(tmp_path / "out") == [*FACTS, *pngs(7)]
    for index, name in enumerate(pngs(7)):
        np.testing.assert_array_equal(read_png(tmp_path / "out" / name), expected_rgba(frames[index]))
    facts = run_json(tmp_path / "out")
    assert facts["status"] == record.status == "done"
    assert facts["input"]["width"] == 127
    assert facts["input"]["frames"] == facts["frames"] == 7
    (stage,) = facts["stages"]
    assert stage["origin"]["provider"] == "CPUExecutionProvider"
    assert stage["origin"]["sha256"] == sha256_of(graph)
    assert stage["info"]["model"] == "luma"
    assert stage["run_s"] > 0
    assert set(facts["busy_s"]) == {"decode", "look ahead", "submit", "encode"}
    assert facts["machine"]["packages"]["onnxruntime"]
    assert facts["error"] is None
    first, plan = told
    assert re.fullmatch(r"device auto: runs on cpu \(.+, CPUExecutionProvider\)", first)
    assert re.fullmatch(r"plan: 5 slots of 2 frames, 3 at once: .+ MB device and .+ MB pinned memory", plan)
    assert facts["notices"] == told
    assert plan == f"plan: {facts['plan'][-1]}"


def test_a_limit(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(9)])
    assert process(source, tmp_path / "out", graph, limit=4).frames == 4
    assert tree(tmp_path / "out") == [*FACTS, *pngs(4)]


def test_earlier_results_are_refused_or_replaced(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(6)])
    out = tmp_path / "out"
    process(source, out, graph)
    process_before = (out / "run.json").read_bytes()
    with pytest.raises(InputError, match="earlier run; add --resume to go on with it or --overwrite"):
        process(source, out, graph)
    assert (out / "run.json").read_bytes() == process_before
    (out / LAYER / "notes.txt").write_text("mine")
    (out / "mine.txt").write_text("mine")
    process(source, out, graph, limit=2, overwrite=True)
    assert tree(out) == sorted(["mine.txt", *FACTS, *pngs(2), str(LAYER / "notes.txt")])


def test_overwrite_with_another_format_leaves_no_mix(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(3)])
    for format, names in (
        ("png", pngs(3)),
        ("ffv1", [str(LAYER / "character.mkv")]),
        ("prores", [str(LAYER / "character.mov")]),
    ):
        process(source, tmp_path / "out", graph, format=format, overwrite=True)
        assert tree(tmp_path / "out") == sorted([*FACTS, *names])


def test_the_input_is_never_in_danger(tmp_path: Path, graph: Path) -> None:
    frames = write_images(tmp_path / "in", [picture(0)])
    with pytest.raises(InputError, match="is the input itself"):
        process(frames, frames, graph, overwrite=True)
    process(frames, tmp_path / "out", graph, format="ffv1")
    with pytest.raises(InputError, match="lies where the output would be written"):
        process(tmp_path / "out" / LAYER / "character.mkv", tmp_path / "out", graph, overwrite=True)
    with pytest.raises(InputError, match="lies where the output would be written"):
        process(tmp_path / "out" / LAYER, tmp_path / "out", graph, overwrite=True)
    assert (tmp_path / "out" / LAYER / "character.mkv").exists()
    process(frames, frames / "inside", graph)  # a folder is not read recursively: no harm


def test_a_film_named_like_a_result_is_not_removed(tmp_path: Path, graph: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    clip = write_clip(folder / "source_streams.mkv", [picture(0)])
    for switch in ({"overwrite": True}, {"resume": True}, {}):
        with pytest.raises(InputError, match="has the name of a file that runs write"):
            process(clip, folder, graph, **switch)
    assert tree(folder) == ["source_streams.mkv"]


@pytest.mark.parametrize("damage", ["missing", "header"])
def test_results_without_their_ledger_are_not_resumed(tmp_path: Path, graph: Path, damage: str) -> None:
    """Nobody knows whose they are."""
    source = write_images(tmp_path / "in", [picture(i) for i in range(6)])
    other = write_images(tmp_path / "other", [picture(9)])
    out = tmp_path / "out"
    process(source, out, graph)
    ledger = out / "ledger.jsonl"
    if damage == "missing":
        ledger.unlink()
    else:
        ledger.write_bytes(ledger.read_bytes().replace(b"png", b"pnx", 1))
    for _ in range(2):
        with pytest.raises(InputError, match="its ledger is missing or damaged: add --overwrite"):
            process(other, out, graph, resume=True)
        assert [name for name in tree(out) if "frame" in name] == pngs(6)


def test_a_run_that_came_in_between_is_not_replaced(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(6)])
    other = write_images(tmp_path / "other", [picture(9)])
    out, prepare = tmp_path / "out", output.prepare

    def slowly(folder: Path, *, needed_bytes: int) -> None:
        monkeypatch.setattr(output, "prepare", prepare)
        process(source, out, graph)
        prepare(folder, needed_bytes=needed_bytes)

    monkeypatch.setattr(output, "prepare", slowly)
    with pytest.raises(InputError, match="holds the results of an earlier run"):
        process(other, out, graph)
    assert tree(out) == [*FACTS, *pngs(6)]
    assert process(source, out, graph, resume=True).resumed == 6


def test_resume_with_another_limit(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "SEGMENT_FRAMES", 4)
    source = write_images(tmp_path / "in", [picture(i) for i in range(11)])
    out = tmp_path / "out"
    process(source, out, graph, limit=6)
    further = process(source, out, graph, resume=True, limit=9)
    assert (further.resumed, further.frames, further.computed) == (4, 9, 9)
    assert tree(out) == [*FACTS, *pngs(9)]
    less = process(source, out, graph, resume=True, limit=2)
    assert less.frames == 9
    assert any("holds 9 frames, more than --limit 2; all stay" in sentence for sentence in less.notices)
    # What a killed run left beyond its last segment doesn't stay among the results.
    stray = out / pngs(11)[10]
    stray.write_bytes(b"half a picture")
    (out / "ledger.jsonl").write_bytes(
        b"".join((out / "ledger.jsonl").read_bytes().splitlines(keepends=True)[:3])
    )
    process(source, out, graph, resume=True, limit=8)
    assert tree(out) == [*FACTS, *pngs(8)]
    whole = process(source, out, graph, resume=True)
    assert (whole.frames, tree(out)) == (11, [*FACTS, *pngs(11)])
    assert process(source, out, graph, resume=True).resumed == 11


def test_lost_companions_come_back(tmp_path: Path, graph: Path) -> None:
    clip = write_clip(tmp_path / "c.mkv", [picture(i) for i in range(3)])
    process(clip, tmp_path / "out", graph)
    timecodes = (tmp_path / "out" / "timecodes.txt").read_bytes()
    (tmp_path / "out" / "timecodes.txt").unlink()
    process(clip, tmp_path / "out", graph, resume=True)
    assert (tmp_path / "out" / "timecodes.txt").read_bytes() == timecodes


def test_bad_input_and_devices_leave_nothing(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(0)])
    empty = tmp_path / "empty"
    empty.mkdir()
    for kind, where, options in (
        (InputError, tmp_path / "none.mp4", {}),
        (InputError, empty, {}),
        (InputError, source, {"format": "gif"}),
        (MissingError, source, {"device": "cuda:0"}),
    ):
        with pytest.raises(kind):
            process(where, tmp_path / "out", graph, **options)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"x")
    with pytest.raises(InputError, match=r"wrong\.onnx"):
        process(source, tmp_path / "out", wrong)
    assert not (tmp_path / "out").exists()


def test_a_broken_frame_keeps_those_before(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(9)])
    broken = source / "frame_0005.png"
    broken.write_bytes(broken.read_bytes()[:-9])
    with pytest.raises(TrtAnimeError, match=r"frame_0005\.png: the image is cut short"):
        process(source, tmp_path / "out", graph)
    assert tree(tmp_path / "out") == [*FACTS, *pngs(5)]
    facts = run_json(tmp_path / "out")
    assert facts["status"] == "failed"
    assert "frame_0005.png" in facts["error"]
    assert facts["frames"] == 5


def test_a_broken_frame_leaves_a_playable_video(tmp_path: Path, graph: Path) -> None:
    source = write_images(tmp_path / "in", [picture(i) for i in range(9)])
    (source / "frame_0005.png").write_bytes(b"")
    with pytest.raises(TrtAnimeError):
        process(source, tmp_path / "out", graph, format="ffv1")
    segment = str(LAYER / "character.segments" / "000000.mkv")
    assert tree(tmp_path / "out") == [*FACTS, segment]
    again = process(tmp_path / "out" / segment, tmp_path / "again", graph)
    assert again.frames == 5
    # Told to stop before the broken frame, the run can be finished from what is there.
    process(source, tmp_path / "out", graph, format="ffv1", resume=True, limit=5)
    assert tree(tmp_path / "out") == [*FACTS, str(LAYER / "character.mkv")]


def test_a_failing_device_is_recorded(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trt_anime.errors import EngineError
    from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

    def fail(self: OrtCpuSession, tensors: Any) -> Any:
        raise EngineError("the device is gone")

    monkeypatch.setattr(OrtCpuSession, "_run", fail)
    source = write_images(tmp_path / "in", [picture(0)])
    with pytest.raises(EngineError, match="the device is gone"):
        process(source, tmp_path / "out", graph)
    assert tree(tmp_path / "out") == list(FACTS)
    assert run_json(tmp_path / "out")["error"] == "the device is gone"


def test_too_little_room_is_seen_first(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    source = write_images(tmp_path / "in", [picture(0)])
    with pytest.raises(OutputError, match="too little for one frame"):
        process(source, tmp_path / "deep" / "out", graph)
    assert not (tmp_path / "deep").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(("format", "side"), [("png", 96), ("ffv1", 96), ("prores", 96), ("webm", 224)])
def test_a_full_disk_leaves_whole_files(
    small_disk: Path, tmp_path: Path, graph: Path, format: str, side: int
) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8) for i in range(24)]
    source = write_images(tmp_path / "in", noise)
    with pytest.raises(OutputError, match="No space left on device"):
        process(source, small_disk / "out", graph, format=format)
    left = tree(small_disk)
    assert not [name for name in left if name.endswith("partial")]
    written = [name for name in left if name.endswith(".png")]
    if format == "png":
        assert 3 < len(written) < 24
        for name in written:
            read_png(small_disk / name)
    else:
        assert [name for name in left if "character" in name] == []


def test_a_full_disk_by_fault_injection(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if "frame_000004" in self.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    source = write_images(tmp_path / "in", [picture(i) for i in range(9)])
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"frame_000004\.png: can't be written \(No space left"):
        process(source, tmp_path / "out", graph)
    left = tree(tmp_path / "out")
    assert [*FACTS, *pngs(4)] == [name for name in left if name < pngs(5)[4]]
    assert not [name for name in left if "partial" in name]
    assert run_json(tmp_path / "out")["status"] == "failed"


@pytest.mark.parametrize("place", ["file", "file/out", "/proc/none/out"])
def test_a_folder_that_can_not_be(tmp_path: Path, graph: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    source = write_images(tmp_path / "in", [picture(0)])
    with pytest.raises((InputError, OutputError), match=r"needs a folder|can't be written"):
        process(source, tmp_path / place, graph)
    assert tree(tmp_path) == ["file", str(Path("in/frame_0000.png"))]


def test_long_and_foreign_names(tmp_path: Path, graph: Path) -> None:
    name = "映画 été 🎬 %03d " + "x" * 200
    clip = write_clip(tmp_path / "c.mkv", [picture(i) for i in range(3)])
    clip = clip.rename(tmp_path / f"{name}.mkv")
    for format in ("png", "webm"):
        process(clip, tmp_path / name / name / format, graph, format=format)
    assert tree(tmp_path / name / name / "png") == [*FACTS, *pngs(3), "timecodes.txt"]
    with pytest.raises(OutputError, match="File name too long"):
        process(clip, tmp_path / ("y" * 300), graph)


def test_one_pixel_and_many(tmp_path: Path, graph: Path) -> None:
    for side in ((1, 1), (2500, 6400)):
        source = write_images(
            tmp_path / f"in{side[0]}", [np.full((*side, 3), 77, np.uint8)], pattern="{}.bmp"
        )
        process(source, tmp_path / f"out{side[0]}", graph)
        rgba = read_png(tmp_path / f"out{side[0]}" / LAYER / "frame_000000.png")
        assert rgba.shape == (*side, 4)
        assert (rgba == 77).all()


MEMORY = """
import gc, resource, sys
from pathlib import Path
gc.disable()  # nothing may wait for the garbage collector
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
source, output, graph, limit = sys.argv[1:]
process_clip(
    ProcessOptions(input=Path(source), output=Path(output), limit=int(limit), threads=2),
    graph=lambda stage: Path(graph),
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_clip(tmp_path: Path, graph: Path) -> None:
    frames = [picture(i, height=240, width=320) for i in range(10)] * 60
    clip = write_clip(tmp_path / "c.avi", frames, codec="mpeg4", pixel_format="yuv420p")
    peak_kb = {}
    for count in (60, 600):
        command = [sys.executable, "-c", MEMORY, *map(str, (clip, tmp_path / f"{count}", graph, count))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peak_kb[count] = int(done.stdout)
    # 540 frames kept as decoded would be 62 MB, as RGBA 166 MB.
    assert peak_kb[600] < peak_kb[60] + 24_000


BLOCKED = """
import sys
for name in ("torch", "transformers", "onnx", "spox", "pydantic", "typer", "rich", "trt_anime.export",
             "trt_anime.calibration", "trt_anime.engines.builder"):
    sys.modules[name] = None
from pathlib import Path
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
source, output, graph = map(Path, sys.argv[1:])
process_clip(ProcessOptions(input=source, output=output), graph=lambda stage: graph)
heavy = {"torch", "onnx", "spox", "scipy", "PIL"} & {name for name, module in sys.modules.items() if module}
assert not heavy, heavy
"""


def test_the_runtime_is_lean(tmp_path: Path, graph: Path) -> None:
    source = tmp_path / "one.png"
    write_image(source, picture(0))
    subprocess.run([sys.executable, "-c", BLOCKED, source, tmp_path / "out", graph], check=True)
    assert tree(tmp_path / "out") == [*FACTS, *pngs(1)]
