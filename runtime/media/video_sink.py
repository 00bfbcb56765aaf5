"""A layer as one video: segments while it runs, joined in the end."""

from collections.abc import Sequence
from pathlib import Path

from trt_anime.files import output_error
from trt_anime.runtime.media.encoder import Codec, VideoSegment, notes
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.media.remux import SourceStream, join_segments
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.stages import Layer


class VideoSink:
    """`<layer>.mkv` (or its like), of the files in `<layer>.segments`, each playable by itself."""

    in_order = True

    def __init__(
        self,
        root: Path,
        layer: Layer,
        codec: Codec,
        clip: ClipInfo,
        *,
        streams: Sequence[SourceStream],
        threads: int,
    ) -> None:
        """
        Args:
            streams: the source's, to be copied in beside the layer.
            threads: for the encoder; the bytes don't depend on it.
        """
        self._root, self._codec, self._clip = root, codec, clip
        self._streams, self._threads = streams, threads
        self.layers = (layer.name,)
        self.output = root / layer.folder / f"{layer.name}{codec.suffix}"
        self.notices = notes(codec, clip)
        self._segments = root / layer.folder / f"{layer.name}.segments"

    def segment(self, number: int) -> VideoSegment:
        try:
            self._segments.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self._segments, error) from error
        path = self._segments / f"{number:06d}{self._codec.suffix}"
        return VideoSegment(
            path, self._root, self.layers[0], self._codec, self._clip, threads=self._threads
        )

    def finish(self, pieces: Sequence[Piece]) -> None:
        paths = [self._root / piece.path for piece in pieces]
        join_segments(self.output, paths, self._streams, self._codec, self._clip)

    def clear(self) -> None:
        try:
            for path in sorted(self._segments.glob("*")):
                path.unlink()
            if self._segments.is_dir():
                self._segments.rmdir()
        except OSError as error:
            raise output_error(self._segments, error) from error
