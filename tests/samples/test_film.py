"""The clip on disk: what is in the container, what the ground truth files say, and the committed film."""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from samples.__main__ import main
from samples.film import pad
from samples.scene import Scene, SceneOptions

COMMITTED = Path(__file__).parents[2] / "samples" / "first_light.mp4"


def decoded(path: Path) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709), np.uint8)
            for frame in container.decode(video=0)
        ]


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def check_container(path: Path, frames: int, size: tuple[int, int]) -> None:
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.frames == frames
        assert video.average_rate == Fraction(24)
        assert (video.codec_context.width, video.codec_context.height) == size
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.codec_context.color_primaries == ColorPrimaries.BT709
        assert video.codec_context.color_trc == ColorTrc.BT709
        assert video.codec_context.colorspace == Colorspace.ITU709
        assert video.codec_context.color_range == ColorRange.MPEG
        assert (sound.codec_context.sample_rate, sound.codec_context.layout.name) == (48000, "stereo")


def test_the_command_writes_a_clip_and_its_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, folder = tmp_path / "clip.mp4", tmp_path / "truth"
    options = [
        "--size",
        "192x108",
        "--frames",
        "16",
        "--seed",
        "5",
        "-o",
        str(clip),
        "--truth",
        str(folder),
    ]
    assert main(options) == 0
    assert "16 frames" in capsys.readouterr().out
    check_container(clip, 16, (192, 108))
    scene = Scene(SceneOptions(seed=5, width=192, height=108, frames=16))
    pictures = decoded(clip)
    record = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert record["held"] == list(scene.held)
    assert record["fps"] == "24"
    assert [shot["name"] for shot in record["shots"]] == ["enter", "pair", "spell"]
    for index in (2, 8, 11, 15):
        truth = scene.render(index)
        assert psnr(pictures[index], truth.frame) > 28
        read = {
            layer: np.asarray(cv2.imread(str(folder / f"{layer}_{index:05}.png"), cv2.IMREAD_UNCHANGED))
            for layer in ("frame", "alpha", "foreground", "instance", "plate", "effect")
        }
        assert np.array_equal(read["frame"][..., ::-1], truth.frame)
        assert np.array_equal(read["plate"][..., ::-1], truth.plate)
        assert np.array_equal(read["instance"], truth.instance)
        assert np.abs(read["alpha"] / 65535 - truth.alpha).max() < 1e-5
        assert np.array_equal(read["foreground"][..., 3], read["alpha"])
        assert np.abs(read["foreground"][..., 2::-1] / 65535 - truth.foreground).max() < 1e-5
        assert np.abs(read["effect"][..., [2, 1, 0, 3]] / 65535 - truth.effect).max() < 1e-5


@pytest.mark.parametrize("size", ["101x64", "big", "4x4"])
def test_sizes_that_no_clip_can_have_exit_with_2(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--size", size, "--frames", "2", "-o", str(tmp_path / "clip.mp4")]) == 2
    assert "error:" in capsys.readouterr().err


def test_the_sound_is_quiet_stereo_that_fades() -> None:
    sound = pad(48000)
    assert sound.shape == (2, 48000)
    assert 0.01 < np.abs(sound).max() < 0.2
    assert np.abs(sound[:, [0, -1]]).max() < 1e-3
    assert not np.allclose(sound[0], sound[1])


def test_the_committed_clip_is_what_the_readme_says() -> None:
    assert COMMITTED.stat().st_size <= 2_000_000
    check_container(COMMITTED, 96, (1280, 720))


@pytest.mark.usefixtures("fetched_art")
def test_the_committed_clip_is_what_the_generator_draws() -> None:
    scene = Scene(SceneOptions(seed=7, width=1280, height=720, frames=96, art="sprites"))
    pictures = decoded(COMMITTED)
    assert len(pictures) == 96
    for index in (8, 48, 90):
        assert psnr(pictures[index], scene.render(index).frame) > 34
