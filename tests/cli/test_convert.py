"""`trt-anime convert` on an output folder, one sentence for each thing that is wrong."""

import json
from pathlib import Path

import pytest

from tests.runtime.delivery.folders import Making, make
from trt_anime.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    make(folder, Making(width=160, height=96, frames=6, audio=()))
    return folder


def convert(*words: str | Path) -> int:
    """Exit code of `trt-anime convert WORDS`."""
    with pytest.raises(SystemExit) as left:
        main(["convert", *map(str, words)])
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("to", "made"),
    [
        ("kohya", "dataset.toml"),
        ("coco", "annotations.json"),
        ("psd", "frame_*.psd"),
        ("exr", "layers/frame_000005.exr"),
        ("ffv1", "stage2a_character_refine/character.mkv"),
        ("prores", "stage2b_effect_separation/glow/effect_glow.mov"),
        ("webm", "stage2c_background_inpaint/background.webm"),
        ("preview", "preview.mp4"),
    ],
)
def test_every_conversion_once_and_again_only_if_asked(
    run: Path, tmp_path: Path, capsys: Capture, to: str, made: str
) -> None:
    words: list[str | Path] = [run, "--to", to, "-o", tmp_path / to, "--min-size", "40", "--threads", "2"]
    assert convert(*words) == 0
    captured = capsys.readouterr()
    assert str(tmp_path / to) in captured.out and list((tmp_path / to).glob(made))
    assert convert(*words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert convert(*words, "--overwrite") == 0


def test_options_of_a_training_set_arrive(run: Path, tmp_path: Path) -> None:
    words = ["--masks", "folder", "--background", "white", "--trigger", "sks", "--repeats", "3"]
    assert convert(run, "--to", "kohya", "-o", tmp_path / "set", "--min-size", "40", *words) == 0
    text = (tmp_path / "set" / "dataset.toml").read_text()
    assert "num_repeats = 3" in text and "conditioning_data_dir" in text
    captions = [path.read_text() for path in (tmp_path / "set").rglob("*.txt")]
    assert captions and all(caption.startswith("sks_0") for caption in captions)


@pytest.mark.parametrize(("masks", "needed"), [("alpha", True), ("folder", True), ("none", False)])
def test_a_set_with_masks_says_that_the_trainer_must_be_told_of_them(
    run: Path, tmp_path: Path, masks: str, needed: bool, capsys: Capture
) -> None:
    """Without the option it refuses a table with a folder of masks, and leaves masks in alpha unused."""
    words = ("--to", "kohya", "-o", tmp_path / "set", "--min-size", "40", "--masks", masks)
    assert convert(run, *words) == 0
    assert ("--masked_loss" in capsys.readouterr().out) == needed


def test_chosen_frames_become_documents(run: Path, tmp_path: Path) -> None:
    assert convert(run, "--to", "psd", "-o", tmp_path / "d", "--frames", "1, 4") == 0
    names = sorted(path.name for path in (tmp_path / "d").glob("*.psd"))
    assert names == ["frame_000001.psd", "frame_000004.psd"]


def test_a_folder_without_a_run(tmp_path: Path, capsys: Capture) -> None:
    assert convert(tmp_path, "--to", "coco", "-o", tmp_path / "x") == 2
    assert "give a folder that `trt-anime process` wrote" in capsys.readouterr().err


def test_the_runs_own_folder_is_never_taken(run: Path, capsys: Capture) -> None:
    assert convert(run, "--to", "coco", "-o", run, "--overwrite") == 2
    assert "holds other files" in capsys.readouterr().err
    assert json.loads((run / "run.json").read_text())["frames"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "psd", "--frames", "x"], "--frames x: not numbers"),
        (["--to", "psd", "--frames", "9"], "--frames 9: no such frame"),
        (["--to", "gif"], "'gif' is not one of"),
        (["--to", "kohya", "--min-size", "4000"], "lower --min-size"),
    ],
)
def test_what_is_wrong_is_said(
    run: Path, tmp_path: Path, capsys: Capture, words: list[str], said: str
) -> None:
    assert convert(run, *words, "-o", tmp_path / "x") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_lost_clip_is_named(tmp_path: Path, capsys: Capture) -> None:
    make(tmp_path / "out", Making(width=160, height=96, frames=6, stages=("2a",), audio=()))
    (tmp_path / "clip.mkv").unlink()
    assert convert(tmp_path / "out", "--to", "ffv1", "-o", tmp_path / "x") == 2
    assert "clip.mkv: does not exist" in capsys.readouterr().err
