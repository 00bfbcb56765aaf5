"""Clips, images and stage graphs that the tests make for themselves."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import spox
import spox.opset.ai.onnx.v17 as op
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from trt_anime.stage import StageInfo

Pixels = NDArray[np.uint8]

FILM = Fraction(24000, 1001)
SPACES = {1: Colorspace.ITU709, 6: Colorspace.ITU601}

INFO = StageInfo(
    stage="matte",
    model="luma",
    checkpoint_sha256="0" * 64,
    licence="MIT",
    size_rule="stretch to 1x1",
    output_ranges={"rgba": (0.0, 255.0)},
)


def stage_graph(path: Path, *, info: StageInfo | None = INFO, side: int | None = None) -> Path:
    """A matte whose alpha is the green channel; `side` fixes height and width."""
    height, width = (side, side) if side else ("height", "width")
    frame = spox.argument(spox.Tensor(np.uint8, ("batch", height, width, 3)))
    (_, green, _) = op.split(frame, op.const(np.array([1, 1, 1], np.int64)), axis=3, outputs_count=3)
    model = spox.build({"frame": frame}, {"rgba": op.concat([frame, green], axis=3)})
    for name, value in (info.to_metadata() if info else {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    path.write_bytes(model.SerializeToString())
    return path


def expected_rgba(rgb: Pixels) -> Pixels:
    """What `stage_graph` makes of one frame."""
    return np.concatenate([rgb, rgb[..., 1:2]], axis=-1)


def picture(index: int, *, height: int = 48, width: int = 64) -> Pixels:
    """uint8 [height, width, 3] RGB: flat blocks that differ from frame to frame."""
    rng = np.random.default_rng(index)
    blocks = rng.integers(20, 236, (-(-height // 16), -(-width // 16), 3), dtype=np.uint8)
    return np.ascontiguousarray(blocks.repeat(16, 0).repeat(16, 1)[:height, :width])


def write_clip(
    path: Path,
    frames: Sequence[Pixels],
    *,
    codec: str = "ffv1",
    pixel_format: str = "yuv444p",
    rate: Fraction = FILM,
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    matrix: int = 2,
    tagged_range: int = 0,
    encode_as: tuple[Colorspace, ColorRange] = (Colorspace.ITU601, ColorRange.MPEG),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
) -> Path:
    """Encode RGB (or RGBA) frames. The tags may differ from what the samples really are."""
    time_base = time_base or 1 / rate
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, tagged_range
        if rotation:
            stream.set_display_rotation(rotation)
        for index, pixels in enumerate(frames):
            encoded = _encoded(pixels, pixel_format, *encode_as)
            encoded.pts, encoded.time_base = pts[index] if pts else index, time_base
            encoded.colorspace, encoded.color_range = matrix, tagged_range
            container.mux(stream.encode(encoded))
        container.mux(stream.encode(None))
    return path


def _encoded(pixels: Pixels, pixel_format: str, space: Colorspace, scale: ColorRange) -> av.VideoFrame:
    source = "rgba" if pixels.shape[2] == 4 else "rgb24"
    return av.VideoFrame.from_ndarray(pixels, format=source).reformat(
        format=pixel_format,
        src_colorspace=space,
        dst_colorspace=space,
        src_color_range=ColorRange.JPEG,
        dst_color_range=scale,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
    )


def write_images(folder: Path, frames: Sequence[Pixels], *, pattern: str = "frame_{:04d}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(frames):
        write_image(folder / pattern.format(index), pixels)
    return folder


def write_image(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    """RGB, RGBA or grey; written through bytes, so any name will do."""
    if pixels.ndim == 3:
        swap = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        ready = cv2.cvtColor(pixels, swap)
    else:
        ready = pixels
    done, data = cv2.imencode(path.suffix, ready)
    assert done
    path.write_bytes(data.tobytes())
    return path


def read_png(path: Path) -> Pixels:
    """uint8 [height, width, 4] RGBA; fails on a file that isn't whole."""
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None, f"{path} is not a whole PNG"
    assert stored.shape[2] == 4
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), np.uint8)


def tree(folder: Path) -> list[str]:
    """Every file below a folder, relative; empty when there is none."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def noisy_clip(path: Path, frames: int, options: dict[str, str] | None = None) -> Path:
    """MPEG-4 of noise, 64x48: its packets are large enough to be damaged."""
    noise = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(frames)]
    return write_clip(path, noise, codec="mpeg4", pixel_format="yuv420p", options=options)


def damage(clip: Path, packet: int) -> None:
    """Change bytes in the middle of a packet; its frame can still be decoded, after a fashion."""
    with av.open(str(clip)) as container:
        found = [one for one in container.demux(video=0) if one.size][packet]
    assert found.pos is not None
    data = bytearray(clip.read_bytes())
    for at in range(found.pos + found.size // 2, found.pos + found.size // 2 + 30):
        data[at] ^= 0x5A
    clip.write_bytes(data)
