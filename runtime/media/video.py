"""A video file as a clip, through FFmpeg (PyAV)."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.media.colour import (
    ColourTags,
    RgbConverter,
    colour_tags,
    has_alpha,
    sample_bits,
    wide_colours,
)
from trt_anime.runtime.media.container import expected_frames, frame_rate, opened, video_stream
from trt_anime.runtime.media.frames import ClipInfo, Frame, Stamp
from trt_anime.runtime.media.headers import container_size
from trt_anime.runtime.media.interlace import RUN_IN, Deinterlacer
from trt_anime.runtime.media.orientation import orientation


class Video(Closing):
    """The first video stream of a file; everything else in it is left alone."""

    def __init__(self, path: Path, *, threads: int, deep: bool) -> None:
        """Raises InputError: not a video, no video stream, or not one frame in it."""
        self.notices: list[str] = []
        self._path = path
        self._start = 0
        self._interlaced = False
        self._container = opened(path)
        try:
            self._stream = video_stream(self._container, path)
            self._stream.codec_context.thread_type = "AUTO"
            self._stream.codec_context.thread_count = threads
            self._decoded = self._pictures()
            first = self._first_picture()
            tags = colour_tags(first)
            self._turn = orientation(first)
            self.info = self._facts(first, tags)
            self._convert = RgbConverter(tags, bits=self.info.bits, deep=deep)
            self._first: av.VideoFrame | None = first
            self._note(first, tags.known)
        except BaseException:
            self.close()
            raise

    def start_at(self, index: int) -> None:
        """Frames before are decoded, since only that gives the exact time of those after, but no more."""
        self._start = index

    def __iter__(self) -> Iterator[Frame]:
        """Raises TrtAnimeError: damaged, cut short, or the size changes; frames before that are good."""
        for stamp, picture in self._progressive(self._stamped()):
            if stamp.index >= self._start:
                rgb, deep = self._convert(picture)
                yield Frame(stamp, self._turn(rgb), None if deep is None else self._turn(deep))

    def _stamped(self) -> Iterator[tuple[Stamp, av.VideoFrame]]:
        """Every picture as decoded, with its place in time."""
        picture, self._first = self._first, None
        index, last_pts, damaged = 0, None, 0
        while picture is not None:
            size = self._turn.size(picture)
            if size != (self.info.width, self.info.height):
                raise TrtAnimeError(
                    f"{self._path}: changes size to {size[0]}x{size[1]} at frame {index}; "
                    "split the file there and process each part"
                )
            damaged += picture.is_corrupt
            pts = self._pts(picture, last_pts)
            yield Stamp(index, pts, duration=int(picture.duration or 0)), picture
            index, last_pts = index + 1, pts
            picture = next(self._decoded, None)
        if damaged:
            self.notices.append(f"{self._path}: {damaged} frames are damaged and shown as decoded")

    def _progressive(
        self, pictures: Iterator[tuple[Stamp, av.VideoFrame]]
    ) -> Iterator[tuple[Stamp, av.VideoFrame]]:
        """Through a filter from the first with two fields on; those well before the start are left out."""
        fields: Deinterlacer | None = None
        waiting: deque[Stamp] = deque()
        broken: TrtAnimeError | None = None
        try:
            for stamp, picture in pictures:
                if picture.interlaced_frame and not self._interlaced:
                    self._note_interlaced()
                if stamp.index < self._start - RUN_IN:
                    continue
                if not self._interlaced:
                    yield stamp, picture
                    continue
                fields = fields or Deinterlacer(self._path, picture, time_base=self.info.time_base)
                waiting.append(stamp)
                if ready := fields.push(picture):
                    yield waiting.popleft(), ready
        except TrtAnimeError as error:
            broken = error  # the filter still holds a good picture
        if fields and (last := fields.finish()):
            yield waiting.popleft(), last
        if broken:
            raise broken

    def close(self) -> None:
        self._first = None
        self._container.close()

    def _first_picture(self) -> av.VideoFrame:
        try:
            first = next(self._decoded, None)
        except TrtAnimeError as error:
            raise InputError(str(error)) from error
        if first is None:
            raise InputError(f"{self._path}: holds no frames; check that the file is complete")
        return first

    def _pictures(self) -> Iterator[av.VideoFrame]:
        packets, number, cut = 0, 0, False
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    packets, cut = packets + 1, packet.is_corrupt
                for picture in packet.decode():
                    assert isinstance(picture, av.VideoFrame)
                    number += 1
                    yield picture
        except FFmpegError as error:
            if cut:
                raise self._broken_off(number) from error
            reason = getattr(error, "strerror", None) or str(error)
            raise TrtAnimeError(
                f"{self._path}: can't be decoded after {number} frames ({reason}); repair or re-encode it"
            ) from error
        if cut or self._breaks_off(packets):
            raise self._broken_off(number)

    def _broken_off(self, frames: int) -> TrtAnimeError:
        return TrtAnimeError(
            f"{self._path}: breaks off after {frames} frames, its header promises more; "
            "copy or download it again"
        )

    def _breaks_off(self, packets: int) -> bool:
        """Whether the demuxer ended before the file's own account of its content does.

        FFmpeg ends without an error there. Not found: a cut MPEG-TS, which keeps no account.
        """
        if "mov" in self._container.format.name:
            return packets < len(self._stream.index_entries)
        promised_bytes = container_size(self._path)
        return promised_bytes is not None and self._path.stat().st_size < promised_bytes

    def _pts(self, picture: av.VideoFrame, last: int | None) -> int:
        """The frame's own time stamp; where there is none, or it doesn't rise, the next free one."""
        if picture.pts is not None and (last is None or picture.pts > last):
            return picture.pts
        step = round(1 / (self.info.rate * self.info.time_base)) or 1
        return 0 if last is None else last + step if picture.pts is None else last + 1

    def _facts(self, first: av.VideoFrame, tags: ColourTags) -> ClipInfo:
        stream = self._stream
        rate = frame_rate(stream, first)
        width, height = self._turn.size(first)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return ClipInfo(
            path=self._path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            frames=expected_frames(self._container, stream, rate),
            pixel_format=first.format.name,
            matrix=tags.matrix,
            colour_range=tags.colour_range,
            primaries=int(first.color_primaries),
            transfer=int(first.color_trc),
            pixel_aspect=1 / aspect if self._turn.transposed else aspect,
            bits=sample_bits(first),
            interlaced=first.interlaced_frame,
        )

    def _note(self, first: av.VideoFrame, matrix_known: bool) -> None:
        if has_alpha(first) or self._stream.metadata.get("alpha_mode") == "1":
            self.notices.append(f"{self._path}: has alpha, which is left out; colours are used as they are")
        if not matrix_known:
            self.notices.append(
                f"{self._path}: matrix {int(first.colorspace)} is unknown, read as {self.info.matrix}"
            )
        if wide := wide_colours(first):
            self.notices.append(
                f"{self._path}: has {wide}; colours are used as they are, without tone mapping"
            )
        if first.interlaced_frame:
            self._note_interlaced()

    def _note_interlaced(self) -> None:
        self._interlaced = True
        self.notices.append(
            f"{self._path}: is interlaced; the two fields of each frame are made one progressive frame"
        )
