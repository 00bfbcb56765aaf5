"""Clips in: the frames are exact, in order, in time and in colour."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from tests.runtime.media import Pixels, damage, noisy_clip, picture, write_clip, write_image, write_images
from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.runtime.media.frames import Frame, FrameSource, Stamp
from trt_anime.runtime.media.images import natural_key
from trt_anime.runtime.media.reader import open_source


def read(path: Path) -> tuple[FrameSource, list[Frame]]:
    with open_source(path) as source:
        return source, list(source)


def collect(source: FrameSource, into: list[Frame]) -> None:
    """Frame by frame, so that those before an error are there after it."""
    for frame in source:
        into.append(frame)


def inner_error(found: Pixels, expected: Pixels) -> int:
    """Largest difference away from block borders, where chroma subsampling blurs."""
    inside = np.zeros(expected.shape[:2], bool)
    inside[8::16, 8::16] = True
    return int(np.abs(found.astype(int) - expected)[inside].max())


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize(("matrix", "space"), [(1, Colorspace.ITU709), (6, Colorspace.ITU601)])
def test_tagged_colours_come_back(
    tmp_path: Path, pixel_format: str, colour_range: ColorRange, matrix: int, space: Colorspace
) -> None:
    frames = [picture(i) for i in range(3)]
    clip = write_clip(
        tmp_path / "clip.mkv",
        frames,
        pixel_format=pixel_format,
        matrix=matrix,
        tagged_range=int(colour_range),
        encode_as=(space, colour_range),
    )
    source, found = read(clip)
    assert source.info.matrix == ("bt709" if matrix == 1 else "bt601")
    assert source.info.colour_range == ("full" if colour_range == ColorRange.JPEG else "limited")
    assert max(inner_error(f.rgb, e) for f, e in zip(found, frames, strict=True)) <= 2


@pytest.mark.parametrize(("height", "space"), [(720, Colorspace.ITU709), (576, Colorspace.ITU601)])
def test_untagged_matrix_goes_by_size(tmp_path: Path, height: int, space: Colorspace) -> None:
    frames = [picture(0, height=height, width=64)]
    clip = write_clip(tmp_path / "c.mkv", frames, encode_as=(space, ColorRange.MPEG))
    _, (found,) = read(clip)
    assert inner_error(found.rgb, frames[0]) <= 2


@pytest.mark.parametrize(("height", "width"), [(75, 127), (1, 1), (2, 3), (33, 16)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "bgra"])
def test_odd_sizes_are_kept(tmp_path: Path, height: int, width: int, pixel_format: str) -> None:
    frames = [picture(i, height=height, width=width) for i in range(2)]
    _, found = read(write_clip(tmp_path / "c.mkv", frames, pixel_format=pixel_format))
    assert [frame.rgb.shape for frame in found] == [(height, width, 3)] * 2
    assert all(frame.rgb.flags.c_contiguous for frame in found)
    if pixel_format == "bgra":
        np.testing.assert_array_equal(found[1].rgb, frames[1])


def test_time_stamps_are_the_containers(tmp_path: Path) -> None:
    pts = [7, 1001, 3003, 3004, 20020]
    frames = [picture(i) for i in range(5)]
    clip = write_clip(
        tmp_path / "vfr.mov",
        frames,
        codec="prores_ks",
        pixel_format="yuv444p10le",
        pts=pts,
        time_base=Fraction(1, 24000),
        container_options={"video_track_timescale": "24000", "movie_timescale": "24000"},
    )
    source, found = read(clip)
    assert [frame.stamp.pts for frame in found] == pts
    assert source.info.time_base == Fraction(1, 24000)
    assert [frame.stamp.index for frame in found] == list(range(5))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_honoured(tmp_path: Path, rotation: int) -> None:
    upright = picture(1, height=48, width=80)
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    clip = write_clip(
        tmp_path / "c.mov",
        [stored],
        codec="prores_ks",
        pixel_format="yuv444p10le",
        rotation=rotation,
        matrix=6,
    )
    source, (found,) = read(clip)
    assert (source.info.height, source.info.width) == (48, 80)
    assert inner_error(found.rgb, upright) <= 2


def test_alpha_is_left_out_with_a_notice(tmp_path: Path) -> None:
    rgb = picture(0)
    rgba = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    for clip in (
        write_clip(tmp_path / "c.mkv", [rgba], pixel_format="bgra"),
        write_images(tmp_path / "folder", [rgba]),
    ):
        source, (found,) = read(clip)
        np.testing.assert_array_equal(found.rgb, rgb)
        assert "has alpha, which is left out" in source.notices[0]


def test_grey_palette_and_deep_images(tmp_path: Path) -> None:
    rgb = picture(3)
    grey = rgb[..., 0]
    write_image(tmp_path / "a1.png", grey)
    write_image(tmp_path / "a2.png", rgb.astype(np.uint16) * 257)
    _palette_png(tmp_path / "a3.png", grey)
    _, found = read(tmp_path)
    np.testing.assert_array_equal(found[0].rgb, np.dstack([grey] * 3))
    np.testing.assert_array_equal(found[1].rgb, rgb)
    np.testing.assert_array_equal(found[2].rgb, np.dstack([255 - grey, grey, grey]))


def _palette_png(path: Path, indices: Pixels) -> None:
    from PIL import Image

    image = Image.fromarray(indices, "P")
    image.putpalette([value for i in range(256) for value in (255 - i, i, i)])
    image.save(path)


def test_sixteen_bits_round_to_nearest(tmp_path: Path) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    write_image(tmp_path / "ramp.png", ramp)
    _, (found,) = read(tmp_path)
    np.testing.assert_array_equal(found.rgb[..., 0], np.rint(ramp / 257))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".jpg"])
def test_image_formats(tmp_path: Path, suffix: str) -> None:
    frames = [picture(i) for i in range(2)]
    for index, pixels in enumerate(frames):
        write_image(tmp_path / f"{index}{suffix}", pixels)
    _, found = read(tmp_path)
    tolerance = 24 if suffix in (".jpg", ".webp") else 0
    assert inner_error(found[1].rgb, frames[1]) <= tolerance


def test_names_are_counted(tmp_path: Path) -> None:
    names = ["f10.png", "f9.png", "F1.png", "f011.png"]
    assert sorted(names, key=natural_key) == ["F1.png", "f9.png", "f10.png", "f011.png"]
    one, nine, zero = "\uff11", "\uff19", "\uff10"  # full-width digits count, a raised one is a letter
    wide = [f"{one}{zero}.png", f"{nine}.png", "1\u00b23.png"]
    assert sorted(wide, key=natural_key) == ["1\u00b23.png", f"{nine}.png", f"{one}{zero}.png"]
    for index, name in enumerate(["shot 2.png", "shot 10.png", "shot 9.png"]):
        write_image(tmp_path / name, np.full((4, 4, 3), index, np.uint8))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(b"")
    source, found = read(tmp_path)
    assert [int(frame.rgb[0, 0, 0]) for frame in found] == [0, 2, 1]
    assert source.notices == [f"{tmp_path}: left out 1 of 4 files, which are not images"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_mixed_sizes_name_the_first_odd_file(tmp_path: Path, suffix: str) -> None:
    for index, side in enumerate([8, 8, 9, 10]):
        write_image(tmp_path / f"{index}{suffix}", np.zeros((side, 8, 3), np.uint8))
    with pytest.raises(InputError, match=rf"2{suffix}: is 8x9, but 0{suffix} is 8x8"):
        open_source(tmp_path)


def test_a_size_found_only_on_decoding(tmp_path: Path) -> None:
    write_image(tmp_path / "0.tiff", np.zeros((8, 8, 3), np.uint8))
    write_image(tmp_path / "1.tiff", np.zeros((9, 8, 3), np.uint8))
    with open_source(tmp_path) as source, pytest.raises(TrtAnimeError, match="is 8x9"):
        list(source)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_broken_image_gives_the_frames_before(
    tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path, [picture(i) for i in range(4)])
    broken = tmp_path / "frame_0002.png"
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 0xFF
    broken.write_bytes(
        {"cut": bytes(data[:-20]), "flip": bytes(data), "empty": b"", "text": b"hello"}[damage]
    )
    found: list[Frame] = []
    with open_source(tmp_path) as source, pytest.raises(TrtAnimeError, match=r"frame_0002\.png") as caught:
        collect(source, found)
    assert len(found) == 2
    assert not isinstance(caught.value, InputError)
    assert capfd.readouterr().err == ""


def test_a_start_among_images_opens_no_file_before(tmp_path: Path) -> None:
    write_images(tmp_path, [picture(i) for i in range(5)])
    (tmp_path / "frame_0001.png").write_bytes(b"not an image")
    with open_source(tmp_path, rate=Fraction(12)) as source:
        source.start_at(2)
        found = list(source)
    assert [frame.stamp for frame in found] == [Stamp(i, pts=i, duration=1) for i in (2, 3, 4)]
    for frame in found:
        np.testing.assert_array_equal(frame.rgb, picture(frame.stamp.index))


def test_deep_images(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (8, 8, 3), np.uint16)
    shallow = picture(0, height=8, width=8)
    write_image(tmp_path / "1.png", deep)
    write_image(tmp_path / "2.png", shallow)
    write_image(tmp_path / "3.tiff", deep)
    with open_source(tmp_path, deep=True) as source:
        found = list(source)
    assert source.info.bits == 16
    for frame, expected in zip(found, [deep, shallow * np.uint16(257), deep], strict=True):
        np.testing.assert_array_equal(frame.deep, expected)
        np.testing.assert_array_equal(frame.rgb, np.rint(expected / 257))


@pytest.mark.parametrize(("deep", "bits"), [(True, 8), (False, 16)])
def test_no_deep_frames_unasked_or_from_eight_bits(tmp_path: Path, deep: bool, bits: int) -> None:
    pixels = picture(0)
    write_image(tmp_path / "1.png", pixels if bits == 8 else pixels * np.uint16(257))
    with open_source(tmp_path, deep=deep) as source:
        (frame,) = source
    assert source.info.bits == bits
    assert frame.deep is None
    np.testing.assert_array_equal(frame.rgb, pixels)


def test_a_single_image(tmp_path: Path) -> None:
    path = write_image(tmp_path / "100%d.png", picture(0))
    source, (found,) = read(path)
    assert source.info.frames == 1
    np.testing.assert_array_equal(found.rgb, picture(0))


def test_exif_rotation(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    Image.fromarray(picture(0, height=48, width=80)).save(tmp_path / "a.jpg", exif=exif)
    source, _ = read(tmp_path)
    assert (source.info.height, source.info.width) == (80, 48)


def test_cut_files_give_their_frames_first(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(40)]
    for name, codec, options in (
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("b.mkv", "ffv1", {}),
        ("c.webm", "libvpx-vp9", {}),
        ("d.avi", "mpeg4", {}),
    ):
        noisy = [np.random.default_rng(i).integers(0, 256, f.shape, np.uint8) for i, f in enumerate(frames)]
        clip = write_clip(
            tmp_path / name, noisy, codec=codec, pixel_format="yuv420p", container_options=options
        )
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
        found: list[Frame] = []
        with open_source(clip) as source, pytest.raises(TrtAnimeError, match=r"breaks off|after") as caught:
            collect(source, found)
        assert 10 < len(found) < 30, name
        assert not isinstance(caught.value, InputError)


def test_damage_before_the_start_is_counted(tmp_path: Path) -> None:
    clip = noisy_clip(tmp_path / "c.avi", 12)
    damage(clip, packet=5)
    notices = []
    for start in (0, 9):
        with open_source(clip) as source:
            source.start_at(start)
            assert len(list(source)) == 12 - start
        notices.append(source.notices)
    assert notices[0] == notices[1] == [f"{clip}: 1 frames are damaged and shown as decoded"]


@pytest.mark.parametrize("start", [0, 6])
def test_another_size_ends_the_clip_wherever_it_began(tmp_path: Path, start: int) -> None:
    clip = tmp_path / "c.h264"
    parts = []
    for width in (64, 96):
        frames = [picture(i, width=width) for i in range(4)]
        part = write_clip(tmp_path / f"{width}.h264", frames, codec="libx264", pixel_format="yuv420p")
        parts.append(part.read_bytes())
    clip.write_bytes(b"".join(parts))
    found: list[Frame] = []
    with open_source(clip) as source, pytest.raises(TrtAnimeError, match="size to 96x48 at frame 4"):
        source.start_at(start)
        collect(source, found)
    assert len(found) == max(0, 4 - start)


def test_a_whole_clip_is_never_called_cut(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(10)]
    for name, codec in (
        ("a.mp4", "libx264"),
        ("b.mkv", "libx264"),
        ("c.webm", "libvpx-vp9"),
        ("d.ts", "libx264"),
        ("e.avi", "mpeg4"),
        ("f.mov", "libx264"),
    ):
        clip = write_clip(tmp_path / name, frames, codec=codec, pixel_format="yuv420p")
        source, found = read(clip)
        assert len(found) == 10, name
        assert source.notices == [], name


def test_titles_in_old_encodings(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.avi", [picture(0)], codec="mpeg4", pixel_format="yuv420p")
    data = clip.read_bytes()
    assert b"Lavf" in data
    clip.write_bytes(data.replace(b"Lavf", "映".encode("shift-jis") + b"\xff\xfe"))
    _, found = read(clip)
    assert len(found) == 1


def test_opencv_agrees_on_a_photo_like_frame(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 8), np.uint8)
    clip = write_clip(tmp_path / "c.mkv", [smooth], pixel_format="yuv444p", matrix=6, tagged_range=1)
    _, (found,) = read(clip)
    assert np.abs(found.rgb.astype(int) - smooth).max() <= 2
