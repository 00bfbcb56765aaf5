"""Interlaced pictures made progressive, through FFmpeg's bwdif."""

from fractions import Fraction
from pathlib import Path

import av
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as EndOfStream
from av.filter import Graph

from trt_anime.errors import TrtAnimeError

# A picture is made of itself and its two neighbours. So a filter that begins this many pictures before
# the first one wanted gives what one gives that began with the clip.
RUN_IN = 1


class Deinterlacer:
    """One picture out for each one in, in order, one picture late; progressive ones pass as they are."""

    def __init__(self, path: Path, first: av.VideoFrame, *, time_base: Fraction) -> None:
        self._path = path
        self._layout = (first.width, first.height, first.format.name)
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._graph.link_nodes(source, bwdif, self._graph.add("buffersink"))
        self._graph.configure()
        self._lone: av.VideoFrame | None = None
        self._begun = False

    def push(self, picture: av.VideoFrame) -> av.VideoFrame | None:
        """The picture before this one; None after the first. Its own time stamp means nothing.

        Raises:
            TrtAnimeError: the pixel format changes.
        """
        layout = (picture.width, picture.height, picture.format.name)
        if layout != self._layout:
            raise TrtAnimeError(
                f"{self._path}: changes its pixel format from {self._layout[2]} to {layout[2]}; "
                "split the file there and process each part"
            )
        self._lone, self._begun = None if self._begun else picture, True
        self._graph.vpush(picture)
        return self._pulled()

    def finish(self) -> av.VideoFrame | None:
        """The last picture."""
        if self._lone:
            return self.push(self._lone)  # bwdif leaves a picture without any neighbour as it is
        self._graph.vpush(None)
        return self._pulled()

    def _pulled(self) -> av.VideoFrame | None:
        try:
            return self._graph.vpull()
        except (NothingYet, EndOfStream):
            return None
