"""A run's identity: all that decides its bytes, and nothing else."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

import trt_anime
from trt_anime.errors import InputError
from trt_anime.runtime.ledger.identity import Identity, changes, identity_of
from trt_anime.runtime.ledger.segments import Ledger
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.sessions.api import Origin

ORIGIN = Origin(Path("matte.onnx"), "1" * 64, "onnxruntime 1.32.0", "CPUExecutionProvider", "fp32")
SETTINGS: dict[str, Any] = {
    "format": "ffv1",
    "stages": {"2a": ORIGIN},
    "batch_size": 1,
    "held": "balanced",
    "segment_frames": 96,
}


def info(path: Path, **facts: Any) -> ClipInfo:
    clip = ClipInfo(
        path=path,
        kind="video" if path.suffix == ".mkv" else "images",
        width=64,
        height=48,
        rate=Fraction(24),
        time_base=Fraction(1, 24),
        frames=3,
        pixel_format="yuv420p",
    )
    return replace(clip, **facts)


@pytest.fixture
def video(tmp_path: Path) -> ClipInfo:
    (tmp_path / "clip.mkv").write_bytes(b"a film")
    return info(tmp_path / "clip.mkv")


@pytest.fixture
def images(tmp_path: Path) -> ClipInfo:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"image %d" % number)
        os.utime(folder / f"{number}.png", ns=(0, 10**18 + number))
    return info(folder)


def refusal(tmp_path: Path, before: Identity, now: Identity) -> str:
    """What a user reads who resumes a run with another identity."""
    Ledger.open(tmp_path / "out", before, resume=False).close()
    with pytest.raises(InputError) as caught:
        Ledger.open(tmp_path / "out", now, resume=True)
    sentence = str(caught.value)
    begin, end = f"{tmp_path / 'out'}: the earlier run can't go on: ", "; use the same settings, "
    assert sentence.startswith(begin)
    assert sentence.endswith("or start again with --overwrite")
    return sentence.removeprefix(begin).partition(end)[0]


@pytest.mark.parametrize(
    ("changed", "clause"),
    [
        ({"format": "prores"}, "format: ffv1 before, prores now"),
        ({"batch_size": 4}, "batch size: 1 before, 4 now"),
        ({"held": "off"}, "held frames: balanced before, off now"),
        ({"segment_frames": 48}, "segment length: 96 before, 48 now"),
        (
            {"stages": {"2a": replace(ORIGIN, sha256="2" * 64)}},
            "stage 2a graph: 111111111111 before, 222222222222 now",
        ),
        (
            {"stages": {"2a": replace(ORIGIN, library="onnxruntime 1.33.0")}},
            "stage 2a library: onnxruntime 1.32.0 before, onnxruntime 1.33.0 now",
        ),
        (
            {"stages": {"2a": replace(ORIGIN, provider="OpenVINO")}},
            "stage 2a provider: CPUExecutionProvider before, OpenVINO now",
        ),
        (
            {"stages": {"2a": replace(ORIGIN, precision="int8")}},
            "stage 2a precision: fp32 before, int8 now",
        ),
    ],
)
def test_every_setting_is_part_of_it(
    tmp_path: Path, video: ClipInfo, changed: dict[str, Any], clause: str
) -> None:
    before, now = identity_of(video, **SETTINGS), identity_of(video, **(SETTINGS | changed))
    assert refusal(tmp_path, before, now) == clause


def test_another_stage_is_another_run(tmp_path: Path, video: ClipInfo) -> None:
    both: dict[str, Any] = SETTINGS | {"stages": {"2a": ORIGIN, "2c": ORIGIN}}
    clauses = refusal(tmp_path, identity_of(video, **SETTINGS), identity_of(video, **both))
    assert clauses == "stages: 2a before, 2a, 2c now"


def distribution(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    real = metadata.version

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metadata, "version", lambda asked: "0.0" if asked == name else real(asked))

    return patch


def attribute(module: object, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(module, name, "0.0")


@pytest.mark.parametrize(
    ("name", "patch"),
    [
        ("trt-anime", attribute(trt_anime, "__version__")),
        ("av", attribute(av, "__version__")),
        ("FFmpeg", attribute(av, "ffmpeg_version_info")),
        ("OpenCV", attribute(cv2, "__version__")),
        ("fpng-py", distribution("fpng-py")),
        ("OpenEXR", distribution("OpenEXR")),
    ],
)
def test_every_version_is_part_of_it(
    tmp_path: Path,
    video: ClipInfo,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    patch: Callable[[pytest.MonkeyPatch], None],
) -> None:
    before = identity_of(video, **SETTINGS)
    with monkeypatch.context() as patched:
        patch(patched)
        now = identity_of(video, **SETTINGS)
    assert refusal(tmp_path, before, now) == f"{name}: {before[name]} before, 0.0 now"


def test_a_package_that_is_not_there_has_no_version(
    video: ClipInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert identity_of(video, **SETTINGS)["OpenEXR"] == "none"


def test_a_video_is_its_content(tmp_path: Path, video: ClipInfo) -> None:
    before = identity_of(video, **SETTINGS)
    facts = video.path.stat()
    video.path.write_bytes(b"A film")
    os.utime(video.path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert refusal(tmp_path, before, identity_of(video, **SETTINGS)).startswith("input content: ")


def test_a_video_may_move_and_be_touched(tmp_path: Path, video: ClipInfo) -> None:
    before = identity_of(video, **SETTINGS)
    moved = video.path.rename(tmp_path / "another.mkv")
    os.utime(moved, ns=(0, 0))
    assert identity_of(info(moved), **SETTINGS) == before


def test_of_a_video_the_rate_is_its_own(video: ClipInfo) -> None:
    assert identity_of(replace(video, rate=Fraction(30)), **SETTINGS) == identity_of(video, **SETTINGS)


def add(folder: Path) -> None:
    (folder / "3.png").write_bytes(b"image 3")


def rename(folder: Path) -> None:
    (folder / "2.png").rename(folder / "4.png")


def resize(folder: Path) -> None:
    facts = [(folder / f"{number}.png").stat().st_mtime_ns for number in (0, 1)]
    (folder / "0.png").write_bytes(b"image  0")
    (folder / "1.png").write_bytes(b"image1")
    for number, time in enumerate(facts):
        os.utime(folder / f"{number}.png", ns=(0, time))


def rewrite(folder: Path) -> None:
    (folder / "0.png").write_bytes(b"IMAGE 0")


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        (add, "input: 3 images of 21 bytes before, 4 images of 28 bytes now"),
        (rename, "input names: "),
        (resize, "input sizes: "),
        (rewrite, "input times of change: "),
    ],
)
def test_images_are_their_names_sizes_and_times(
    tmp_path: Path, images: ClipInfo, change: Callable[[Path], None], clause: str
) -> None:
    before = identity_of(images, **SETTINGS)
    change(images.path)
    assert refusal(tmp_path, before, identity_of(images, **SETTINGS)).startswith(clause)


def test_names_are_told_apart_where_they_join_to_the_same_letters(tmp_path: Path) -> None:
    pairs = (("a.png", "a.pngb.png"), ("a.pnga.png", "b.png"))
    identities = []
    for names in pairs:
        folder = tmp_path / names[0]
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"image")
        identities.append(identity_of(info(folder), **SETTINGS))
    assert identities[0]["input names"] != identities[1]["input names"]


def test_the_file_systems_order_does_not_matter(images: ClipInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(images.path.iterdir())
    found = []
    for order in (names, names[::-1]):
        monkeypatch.setattr(Path, "iterdir", lambda folder, order=order: iter(order))
        found.append(identity_of(images, **SETTINGS))
    assert found[0] == found[1]


def test_of_images_the_rate_is_part_of_it(tmp_path: Path, images: ClipInfo) -> None:
    faster = replace(images, rate=Fraction(30000, 1001))
    clause = refusal(tmp_path, identity_of(images, **SETTINGS), identity_of(faster, **SETTINGS))
    assert clause == "input rate: 24 before, 30000/1001 now"


def test_files_that_are_no_frames_do_not_matter(images: ClipInfo) -> None:
    before = identity_of(images, **SETTINGS)
    (images.path / "notes.txt").write_text("not a frame")
    (images.path / ".hidden.png").write_bytes(b"not a frame")
    assert identity_of(images, **SETTINGS) == before


def test_one_image_is_a_clip(images: ClipInfo) -> None:
    identity = identity_of(replace(images, path=images.path / "1.png"), **SETTINGS)
    assert identity["input"] == "1 images of 7 bytes"


def test_it_goes_through_the_ledger_unchanged(tmp_path: Path, video: ClipInfo) -> None:
    identity = identity_of(video, **SETTINGS)
    Ledger.open(tmp_path, identity, resume=False).close()
    Ledger.open(tmp_path, dict(identity), resume=True).close()


@pytest.mark.parametrize("name", ["gone.mkv", "gone"])
def test_a_clip_that_is_gone_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: can't be read"):
        identity_of(info(tmp_path / name), **SETTINGS)


def test_equal_identities_have_no_changes() -> None:
    assert changes({"format": "png"}, {"format": "png"}) == []


def test_a_field_that_is_gone_is_a_change() -> None:
    assert changes({"format": "png", "tint": "red"}, {"format": "png"}) == ["tint: red before, none now"]
