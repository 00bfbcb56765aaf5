"""Which remembered frame lies where in a memory of fixed size, and which one goes when it is full."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remembered:
    """A frame in the memory. given: its objects were given, not found."""

    frame: int
    given: bool


class Slots:
    """The slots of one long-term memory, all empty at first.

    When all are taken, the oldest frame whose objects were found makes room. Frames with given objects are
    truth, and stay as long as anything else can go: a found frame never takes the place of a given one.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a memory has at least one slot, not {capacity}")
        self._slots: list[Remembered | None] = [None] * capacity

    def take(self, frame: int, *, given: bool) -> int | None:
        """The slot to put `frame` in; None: it is not remembered, as all slots hold given frames."""
        slot = self._empty()
        if slot is None:
            slot = self._oldest(given=False)
        if slot is None and given:
            slot = self._oldest(given=True)
        if slot is not None:
            self._slots[slot] = Remembered(frame, given)
        return slot

    @property
    def valid(self) -> tuple[bool, ...]:
        """Per slot: whether there is a frame in it."""
        return tuple(slot is not None for slot in self._slots)

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the remembered frames, ascending."""
        return tuple(sorted(slot.frame for slot in self._slots if slot is not None))

    def _empty(self) -> int | None:
        return next((index for index, slot in enumerate(self._slots) if slot is None), None)

    def _oldest(self, *, given: bool) -> int | None:
        ages = [
            (slot.frame, index)
            for index, slot in enumerate(self._slots)
            if slot is not None and slot.given is given
        ]
        return min(ages)[1] if ages else None
