"""A shot's frames for who goes over them many times: read once, as many as there is room for."""

from collections.abc import Callable, Iterator

from trt_anime.runtime.plates.seen import Seen

ROOM_BYTES = 256 << 20
"""72 frames of 1280x720 without effects, 32 of 1920x1080; with them four fifths of that."""


class Kept:
    """`Frames` that keeps the first of them in memory; what there is no room for is read each time.

    Nobody may change what it gives.
    """

    def __init__(
        self,
        read: Callable[[int], Iterator[Seen]],
        start: int,
        *,
        go_on: Callable[[], None] = lambda: None,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        """`read`: the frames from an index on; `start`: the first index; `go_on`: see `Context`."""
        self._read, self._start, self._go_on = read, start, go_on
        self._room_bytes = room_bytes
        self._held: list[Seen] = []
        self._filled = self._whole = False

    def __call__(self) -> Iterator[Seen]:
        """All frames, ascending. Raises what `read` and `go_on` raise."""
        held, whole = list(self._held), self._whole
        for seen in held:
            self._go_on()
            yield seen
        if whole:
            return
        for seen in self._read(self._behind(held)):
            self._keep(seen)
            yield seen
        self._whole = not self._filled

    def _behind(self, held: list[Seen]) -> int:
        return held[-1].index + 1 if held else self._start

    def _keep(self, seen: Seen) -> None:
        planes = seen.rgb, seen.hidden, seen.figures
        size_bytes = sum(plane.nbytes for plane in planes if plane is not None)
        if size_bytes > self._room_bytes:
            self._filled = True
        if not self._filled and seen.index >= self._behind(self._held):
            self._held.append(seen)
            self._room_bytes -= size_bytes
