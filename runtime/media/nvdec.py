"""A video file as a clip, decoded by the GPU's video engine (NVDEC, through PyNvVideoCodec).

Facts, time stamps and colours are the software decoder's; only the samples come from the GPU, and the
first picture must be the software decoder's bit for bit. What can't be promised to be equal is refused
when the clip is opened: interlaced, damaged or cut files, samples other than 4:2:0, missing time stamps.
Where the GPU fails or leaves the order later on, the software decoder goes on with the next frame.
"""

import ctypes
import importlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from trt_anime.errors import MissingError, TrtAnimeError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.media.colour import ColourTags, RgbConverter
from trt_anime.runtime.media.frames import ClipInfo, Frame, Landmark, Stamp
from trt_anime.runtime.media.headers import container_size
from trt_anime.runtime.media.orientation import orientation
from trt_anime.runtime.media.video import Video

_MODULE = "PyNvVideoCodec"


@dataclass(frozen=True)
class _Surface:
    """How the video engine stores samples: a plane of Y, then one of U and V in turn.

    Attributes:
        name: in `Pixel_Format`.
        shift: how far its samples stand left of the software decoder's.
    """

    name: str
    sample: np.dtype[Any]
    shift: int = 0


# The software decoder's pixel format -> what the video engine gives for the same stream.
_SURFACES = {
    "yuv420p": _Surface("NV12", np.dtype(np.uint8)),
    "yuvj420p": _Surface("NV12", np.dtype(np.uint8)),
    "yuv420p10le": _Surface("P016", np.dtype("<u2"), 6),
    "yuv420p12le": _Surface("P016", np.dtype("<u2"), 4),
}


@dataclass(frozen=True)
class _Survey:
    """What the software side knows of a stream.

    Attributes:
        stamps: by pts, in the order shown.
        hidden: pts of pictures that are decoded but not shown (edit lists).
    """

    stream: int
    first: av.VideoFrame
    stamps: dict[int, Stamp]
    hidden: frozenset[int]


class NvdecVideo(Closing):
    """The first video stream of a file; a `FrameSource` with the frames of `Video`.

    Frames come to the host, so that everything after it is the same for both decoders.

    Attributes:
        notices: sentences for the user; more may come while frames are read.
    """

    def __init__(self, path: Path, *, ordinal: int, deep: bool) -> None:
        """
        Args:
            ordinal: of the GPU.
            deep: as in `Video`.

        Raises:
            InputError: not a video, as `Video` says it.
            MissingError: no driver or package, or a clip that isn't for NVDEC: use `Video`. It says why.
        """
        with Video(path, threads=1, deep=deep) as software:
            self.info: ClipInfo = software.info
            self.notices: list[str] = list(software.notices)
        self.landmarks: tuple[Landmark, ...] = ()
        self._path, self._deep = path, deep
        self._start = 0
        self._software: Video | None = None
        self._surface = _surface(self.info)
        self._survey = _survey(path)
        self._turn = orientation(self._survey.first)
        tags = ColourTags(self.info.matrix, self.info.colour_range, known=True)
        self._convert = RgbConverter(tags, bits=self.info.bits, deep=deep)
        try:
            self._decoded = self._shown(_module(), ordinal)
            self._next = next(self._decoded, None)
            planes = self._planes(self._next[1]) if self._next else []
        except TrtAnimeError as error:
            raise MissingError(str(error)) from error
        if not planes or not all(map(np.array_equal, planes, _samples(self._survey.first))):
            raise MissingError(f"{path}: NVDEC's first picture isn't the software decoder's")

    def start_at(self, index: int) -> None:
        """Frames before are decoded, but stay on the GPU's side."""
        self._start = index

    def __iter__(self) -> Iterator[Frame]:
        """Raises TrtAnimeError: as `Video` does, where the GPU failed and the software decoder does too."""
        frames = self._by_gpu()
        while True:
            try:
                frame = next(frames, None)
            except TrtAnimeError as error:
                yield from self._by_software(error)
                return
            if frame is None:
                return
            self._start = frame.stamp.index + 1
            yield frame

    def _by_software(self, error: TrtAnimeError) -> Iterator[Frame]:
        """The frames from `_start` on."""
        self.close()
        self.notices.append(f"{error}; from frame {self._start} on it is decoded on the CPU")
        self._software = Video(self._path, threads=0, deep=self._deep)  # 0: as many as FFmpeg sees fit
        self._software.start_at(self._start)
        try:
            yield from self._software
        finally:
            self.notices += [words for words in self._software.notices if words not in self.notices]
            self.close()

    def _by_gpu(self) -> Iterator[Frame]:
        # FFmpeg's own picture takes the samples: where chroma is sited, which is part of how they become
        # RGB, can't be set on a new one.
        picture = self._survey.first
        while self._next is not None:
            stamp, decoded = self._next
            if stamp.index >= self._start:
                for target, plane in zip(_samples(picture), self._planes(decoded), strict=True):
                    target[...] = plane
                rgb, deep = self._convert(picture)
                yield Frame(stamp, self._turn(rgb), None if deep is None else self._turn(deep))
            self._next = next(self._decoded, None)

    def close(self) -> None:
        self._next = None
        self._decoded.close()
        if self._software is not None:
            self._software.close()

    def _shown(self, module: Any, ordinal: int) -> Generator[tuple[Stamp, Any], None, None]:
        """Decoded pictures in the order shown, each good until the next is asked for."""
        expected = iter(self._survey.stamps.values())
        for decoded in self._surfaces(module, ordinal):
            pts = int(decoded.getPTS())
            if pts in self._survey.hidden:
                continue
            stamp = next(expected, None)
            if stamp is None or stamp.pts != pts:
                raise TrtAnimeError(f"{self._path}: NVDEC gave a picture out of its place")
            yield stamp, decoded
        if missing := sum(1 for _ in expected):
            frames = len(self._survey.stamps)
            raise TrtAnimeError(f"{self._path}: NVDEC left out {missing} of {frames} frames")

    def _surfaces(self, module: Any, ordinal: int) -> Iterator[Any]:
        """Everything that the package does, and its errors, which are of many classes, made one."""
        try:
            demuxer = module.CreateDemuxer(filename=str(self._path))
            if demuxer.GetVideoStreamId() != self._survey.stream:
                raise MissingError(f"{self._path}: NVDEC takes another of its video streams")
            decoder = module.CreateDecoder(
                gpuid=ordinal, codec=demuxer.GetNvCodecId(), usedevicememory=False
            )
            for packet in demuxer:
                yield from decoder.Decode(packet)
        except TrtAnimeError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TrtAnimeError(f"{self._path}: NVDEC can't decode it ({reason})") from error

    def _planes(self, decoded: Any) -> list[NDArray[Any]]:
        """Y [height, width], U and V [half of each, rounded up], as the software decoder has them."""
        width, height = self._survey.first.width, self._survey.first.height
        rows, columns = (height + 1) // 2, (width + 1) // 2
        surface = self._surface
        samples = 2 * columns * (height + rows)
        if decoded.format.name != surface.name or decoded.framesize() != samples * surface.sample.itemsize:
            raise TrtAnimeError(
                f"{self._path}: NVDEC gave {decoded.framesize()} bytes of {decoded.format.name} for "
                f"{width}x{height} {self.info.pixel_format}"
            )
        memory = (ctypes.c_ubyte * decoded.framesize()).from_address(decoded.GetPtrToPlane(0))
        stored = np.frombuffer(memoryview(memory), surface.sample) >> surface.shift
        luma, chroma = np.split(stored, [2 * columns * height])
        pairs = chroma.reshape(rows, columns, 2)
        return [luma.reshape(height, 2 * columns)[:, :width], pairs[..., 0], pairs[..., 1]]


def _module() -> Any:
    try:
        return importlib.import_module(_MODULE)
    except Exception as error:  # without a driver its import raises RuntimeError, with a page of advice
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MissingError(
            f"NVDEC needs an NVIDIA driver with video support and pip install PyNvVideoCodec ({reason})"
        ) from error


def _surface(info: ClipInfo) -> _Surface:
    if info.interlaced or info.pixel_format not in _SURFACES:
        kind = "interlaced video" if info.interlaced else info.pixel_format
        raise MissingError(f"{info.path}: NVDEC isn't used for {kind}")
    return _SURFACES[info.pixel_format]


def _survey(path: Path) -> _Survey:
    """Read every packet, decode the first picture. Raises MissingError: not for NVDEC."""
    first: av.VideoFrame | None = None
    durations: dict[int, int] = {}
    hidden: set[int] = set()
    refusal, packets = "", 0
    with av.open(f"file:{path}", "r", metadata_errors="replace") as container:
        stream = next(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
        for packet in container.demux(stream):
            if first is None:
                first = next((f for f in packet.decode() if isinstance(f, av.VideoFrame)), None)
            if not packet.size:
                continue  # the end
            packets += 1
            if packet.pts is None or packet.pts in durations or packet.is_corrupt:
                refusal = "its time stamps have gaps, or it is damaged"
            elif packet.is_discard:
                hidden.add(packet.pts)
            else:
                durations[packet.pts] = int(packet.duration or 0)
        if _is_cut(path, container, packets, len(stream.index_entries)):
            refusal = "it breaks off"
        if refusal or first is None:
            raise MissingError(f"{path}: NVDEC isn't used, since {refusal}")
        index = stream.index
    stamps = {pts: Stamp(number, pts, durations[pts]) for number, pts in enumerate(sorted(durations))}
    return _Survey(index, first, stamps, frozenset(hidden))


def _is_cut(path: Path, container: InputContainer, packets: int, entries: int) -> bool:
    if "mov" in container.format.name:
        return packets < entries
    promised_bytes = container_size(path)
    return promised_bytes is not None and path.stat().st_size < promised_bytes


def _samples(picture: av.VideoFrame) -> list[NDArray[Any]]:
    """Each plane, [rows, columns], to read or write in place."""
    sample = _SURFACES[picture.format.name].sample
    return [
        np.frombuffer(memoryview(plane), sample).reshape(plane.height, -1)[:, : plane.width]
        for plane in picture.planes
    ]
