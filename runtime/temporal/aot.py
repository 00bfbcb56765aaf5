"""Following objects through a clip with AOT or DeAOT: what runs when, and what is remembered.

Nothing here looks at a pixel or a feature: arrays, wherever they lie, go from one graph to the next.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from trt_anime.errors import InputError
from trt_anime.runtime.temporal.aot_slots import Slots

Array = Any  # of whatever kind the graphs take and give


class Decoded(NamedTuple):
    """Of one frame: f32 [1, 1 + objects, H, W], background first, in 0..1; u8 [1,H,W], 0 is background."""

    probabilities: Array
    labels: Array


class Referred(NamedTuple):
    """Of a frame with given objects. labels: u8 [1,H,W], the given ones laid over those found."""

    decoder_input: Array
    memory: Array
    labels: Array


class Propagated(NamedTuple):
    """Of a frame whose objects were looked for. pending: what `memorise` completes."""

    decoder_input: Array
    pending: Array


class AotGraphs(Protocol):
    """The graphs of one model at one size. `first` is the label of a pass' first object."""

    @property
    def slots(self) -> int:
        """Frames that a long-term memory holds."""
        ...

    @property
    def objects(self) -> int:
        """That one pass follows."""
        ...

    @property
    def passes(self) -> int:
        """How many may be merged."""
        ...

    def encode(self, frame: Array) -> Array: ...

    def refer(self, features: Array, drawn: Array, labels: Array | None, first: int) -> Referred: ...

    def propagate(
        self, features: Array, long: Array, valid: Sequence[bool], short: Array
    ) -> Propagated: ...

    def decode(self, features: Array, decoder_input: Array, count: int) -> Decoded: ...

    def memorise(self, pending: Array, labels: Array, first: int) -> Array: ...

    def merge(self, passes: Sequence[Decoded]) -> Decoded:
        """Of 2 to `passes` passes."""
        ...

    def new_memory(self) -> Array:
        """An empty long-term memory; all its numbers are finite."""
        ...

    def store(self, long: Array, slot: int, memory: Array) -> None:
        """Put a frame's memory into a slot of `long`, in place."""
        ...


@dataclass
class _Pass:
    """Up to `graphs.objects` objects with consecutive labels, and what is remembered of them."""

    first: int
    count: int
    long: Array
    slots: Slots
    recent: deque[Array]
    pending: Array | None = field(default=None)


class AotTracker:
    """One clip, or one shot of it.

    Frames come in order. For each: `propagate`, then `memorise` with the labels to be believed, or `add`
    where new objects are drawn into it; `step` does both. The first frame is `start`ed.

    Memory is bounded: `graphs.slots` frames and the last `skip`, for each pass.

    Args:
        gap: frames between two that are remembered for the rest of the clip.
        skip: the short-term memory is this many frames old.
    """

    def __init__(self, graphs: AotGraphs, *, gap: int, skip: int = 1) -> None:
        if gap < 1 or skip < 1:
            raise ValueError(f"gap and skip are at least 1, not {gap} and {skip}")
        self._graphs, self._gap, self._skip = graphs, gap, skip
        self._passes: list[_Pass] = []
        self._frame = self._last_remembered = 0
        self._features: Array = None
        self._labels: Array = None

    @property
    def remembered(self) -> tuple[tuple[int, ...], ...]:
        """Per pass: numbers of the frames in its long-term memory; the first frame is 0."""
        return tuple(each.slots.frames for each in self._passes)

    def start(self, frame: Array, drawn: Array, objects: int) -> Decoded:
        """Forget all, and begin with a frame whose objects are given.

        Args:
            frame: u8 [1,H,W,3], RGB.
            drawn: u8 [1,H,W], labels 1 to `objects`, 0 where none is.

        Raises:
            InputError: more objects than the graphs follow.
        """
        self._check(objects)
        self._passes, self._frame, self._labels = [], 0, None
        self._features = self._graphs.encode(frame)
        return self._refer(drawn, objects)

    def propagate(self, frame: Array) -> Decoded:
        """Find the objects in the next frame, u8 [1,H,W,3]."""
        if not self._passes:
            raise ValueError("a clip has to be started with a frame whose objects are given")
        self._frame += 1
        self._features = self._graphs.encode(frame)
        decoder_inputs = []
        for each in self._passes:
            found = self._graphs.propagate(self._features, each.long, each.slots.valid, each.recent[0])
            each.pending = found.pending
            decoder_inputs.append(found.decoder_input)
        decoded = self._decoded(decoder_inputs)
        self._labels = decoded.labels
        return decoded

    def memorise(self, labels: Array) -> None:
        """Remember the frame that was propagated last, with these labels u8 [1,H,W]."""
        keep = self._frame - self._last_remembered >= self._gap
        for each in self._passes:
            if each.pending is None:
                raise ValueError("there is no propagated frame to remember, or it is remembered already")
            memory = self._graphs.memorise(each.pending, labels, each.first)
            each.pending = None
            each.recent.append(memory)
            if keep:
                self._keep(each, memory, given=False)
        if keep:
            self._last_remembered = self._frame

    def add(self, drawn: Array, objects: int) -> Decoded:
        """New objects appear in the frame that was propagated last, which is remembered with them.

        Args:
            drawn: u8 [1,H,W], their labels, or 0 to keep what was found there. Objects that are followed
                already can be corrected in the same way.
            objects: how many there are now.

        Raises:
            InputError: more objects than the graphs follow.
        """
        self._check(objects)
        if not self._passes or objects < self._objects:
            raise ValueError(f"{objects} objects can't follow on {self._objects}")
        return self._refer(drawn, objects)

    def step(self, frame: Array, *, drawn: Array | None = None, objects: int | None = None) -> Decoded:
        """The next frame, found, with new objects if any, and remembered as it was found."""
        decoded = self.propagate(frame)
        if drawn is not None:
            return self.add(drawn, self._objects if objects is None else objects)
        self.memorise(decoded.labels)
        return decoded

    @property
    def _objects(self) -> int:
        return sum(each.count for each in self._passes)

    def _check(self, objects: int) -> None:
        graphs = self._graphs
        most = graphs.objects * graphs.passes
        if not 1 <= objects <= most:
            needed = -(-objects // graphs.objects)
            remedy = (
                f"export them with {needed} passes, or give fewer objects" if objects > 0 else "give some"
            )
            raise InputError(
                f"These graphs follow 1 to {most} objects ({graphs.passes} x {graphs.objects}), "
                f"not {objects}; {remedy}."
            )

    def _refer(self, drawn: Array, objects: int) -> Decoded:
        self._divide(objects)
        decoder_inputs, labels = [], None
        for each in self._passes:
            given = self._graphs.refer(self._features, drawn, self._labels, each.first)
            each.pending = None
            each.recent.clear()
            each.recent.append(given.memory)
            self._keep(each, given.memory, given=True)
            decoder_inputs.append(given.decoder_input)
            labels = given.labels
        self._last_remembered = self._frame
        self._labels = labels
        return Decoded(self._decoded(decoder_inputs).probabilities, labels)

    def _divide(self, objects: int) -> None:
        """Give each pass its range of labels; as many passes as that takes."""
        most = self._graphs.objects
        for index, before in enumerate(range(0, objects, most)):
            count = min(most, objects - before)
            if index < len(self._passes):
                self._passes[index].count = count
            else:
                memory, slots = self._graphs.new_memory(), Slots(self._graphs.slots)
                self._passes.append(_Pass(before + 1, count, memory, slots, deque(maxlen=self._skip)))

    def _keep(self, each: _Pass, memory: Array, *, given: bool) -> None:
        slot = each.slots.take(self._frame, given=given)
        if slot is not None:
            self._graphs.store(each.long, slot, memory)

    def _decoded(self, decoder_inputs: list[Array]) -> Decoded:
        passes = [
            self._graphs.decode(self._features, decoder_input, each.count)
            for each, decoder_input in zip(self._passes, decoder_inputs, strict=True)
        ]
        return passes[0] if len(passes) == 1 else self._graphs.merge(passes)
