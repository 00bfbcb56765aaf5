"""A video file as a clip, through FFmpeg (PyAV)."""

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
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
from trt_anime.runtime.media.frames import ClipInfo, Frame, Landmark, Stamp
from trt_anime.runtime.media.headers import container_size
from trt_anime.runtime.media.interlace import RUN_IN, Deinterlacer
from trt_anime.runtime.media.landmarks import Survey, before
from trt_anime.runtime.media.orientation import orientation


class Video(Closing):
    """The first video stream of a file; everything else in it is left alone."""

    def __init__(self, path: Path, *, threads: int, deep: bool, landmarks: Sequence[Landmark] = ()) -> None:
        """
        Args:
            landmarks: of an earlier reading of the same file.

        Raises InputError: not a video, no video stream, or not one frame in it.
        """
        self.notices: list[str] = []
        self._path, self._threads = path, threads
        self._start = 0
        self._interlaced = False
        self._known, self._survey = landmarks, Survey()
        self._places = {landmark.index: landmark.pts for landmark in landmarks}
        self._open()
        try:
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

    @property
    def landmarks(self) -> tuple[Landmark, ...]:
        """See `FrameSource.landmarks`."""
        return self._survey.found

    def start_at(self, index: int) -> None:
        """Frames before are decoded, from the landmark before or from the beginning, but no more."""
        self._start = index

    def __iter__(self) -> Iterator[Frame]:
        """Raises TrtAnimeError: damaged, cut short, or the size changes; frames before that are good."""
        for stamp, picture in self._progressive(self._stamped()):
            if stamp.index >= self._start:
                rgb, deep = self._convert(picture)
                if picture.key_frame and not self._start:
                    self._survey.note(stamp.index, stamp.pts, rgb)
                yield Frame(stamp, self._turn(rgb), None if deep is None else self._turn(deep))

    def _stamped(self) -> Iterator[tuple[Stamp, av.VideoFrame]]:
        """Every picture as decoded from the landmark before the start on, with its place in time."""
        picture, self._first = self._first, None
        index, last_pts, damaged = 0, None, 0
        if landmark := before(self._known, self._start):
            index, picture = landmark.index, self._landed(landmark)
            if picture is None:
                index, picture = 0, self._back_at_the_beginning()
        while picture is not None:
            size = self._turn.size(picture)
            if size != (self.info.width, self.info.height):
                raise TrtAnimeError(
                    f"{self._path}: changes size to {size[0]}x{size[1]} at frame {index}; "
                    "split the file there and process each part"
                )
            damaged += picture.is_corrupt
            pts = self._pts(picture, last_pts)
            if picture.is_corrupt or picture.interlaced_frame or pts != picture.pts:
                self._survey.distrust()
            if self._places.get(index, pts) != pts:
                raise TrtAnimeError(
                    f"{self._path}: frame {index} isn't where it was when the clip was first read; "
                    "don't change it while it is processed"
                )
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

    def _open(self) -> None:
        """Raises InputError: not a video, or no video stream."""
        self._container = opened(self._path)
        try:
            self._stream = video_stream(self._container, self._path)
            self._stream.codec_context.thread_type = "AUTO"
            self._stream.codec_context.thread_count = self._threads
            self._decoded = self._pictures()
        except BaseException:
            self.close()
            raise

    def _landed(self, landmark: Landmark) -> av.VideoFrame | None:
        """The landmark, decoded from there; None where it isn't to be found as it was."""
        try:
            self._container.seek(landmark.pts, stream=self._stream)
            self._decoded = self._pictures(landmark.index)
            for picture in self._decoded:
                if picture.pts is None or picture.pts > landmark.pts:
                    return None
                if picture.pts == landmark.pts:
                    return picture if zlib.crc32(self._convert(picture)[0].data) == landmark.crc32 else None
        except (FFmpegError, TrtAnimeError):
            pass  # whatever it is, decoding from the beginning tells it better
        return None

    def _back_at_the_beginning(self) -> av.VideoFrame:
        self._container.close()
        self._open()
        return self._first_picture()

    def _first_picture(self) -> av.VideoFrame:
        try:
            first = next(self._decoded, None)
        except TrtAnimeError as error:
            raise InputError(str(error)) from error
        if first is None:
            raise InputError(f"{self._path}: holds no frames; check that the file is complete")
        return first

    def _pictures(self, number: int = 0) -> Iterator[av.VideoFrame]:
        """From where the file stands, which is before picture `number`."""
        packets, cut, whole = 0, False, not number
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
        if cut or (whole and self._breaks_off(packets)):
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
