"""The memory plan: what a run will take, stated before it begins, and what it gives up to fit."""

from collections.abc import Callable
from dataclasses import dataclass, field

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import Place
from trt_anime.runtime.pipeline.chain import FRAME, Chain

# One slot is filled while another is computed.
LEAST_DEPTH = 2
# More would only take memory: one slot is filled and one is written while each lane computes one.
SLOTS_BESIDE_LANES = 2
# A plan leaves this share of what is free to everybody else.
SPARE = 0.2


@dataclass(frozen=True)
class Item:
    """One line of the plan: `count` pieces of memory of the same kind and size."""

    name: str
    place: Place
    count: int
    size_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.count * self.size_bytes


@dataclass(frozen=True)
class Plan:
    """How a run uses its device.

    Attributes:
        chain: at the batch size that was settled on.
        depth: slots, each of which holds one batch on its way.
        lanes: how many batches are computed at once.
        branches: stage number -> stream within a lane.
        arena_bytes: scratch memory by stream within a lane, shared by the stages on it.
        given_up: sentences, one for each thing that was given up to fit.
    """

    chain: Chain
    depth: int
    lanes: int
    branches: dict[str, int]
    arena_bytes: dict[int, int]
    items: tuple[Item, ...]
    given_up: tuple[str, ...] = field(default=())

    def size_bytes(self, place: Place) -> int:
        return sum(item.total_bytes for item in self.items if item.place == place)

    def lines(self) -> list[str]:
        """For people: one line an item, and the sums."""
        rows = [
            f"{item.place:>6}  {item.count} x {item.size_bytes / 1e6:9.1f} MB  {item.name}"
            for item in self.items
        ]
        sums = " and ".join(f"{self.size_bytes(place) / 1e6:.1f} MB {place}" for place in _PLACES)
        frames = "1 frame" if self.chain.batch == 1 else f"{self.chain.batch} frames"
        return [*rows, f"{self.depth} slots of {frames}, {self.lanes} at once: {sums} memory"]


_PLACES: tuple[Place, ...] = ("device", "pinned")


def plan_memory(
    chain_at: Callable[[int], Chain], *, batch: int, depth: int, lanes: int, free_bytes: int, shared: bool
) -> Plan:
    """The best plan that fits.

    Given up, in this order: slots down to two or one for each lane, stages side by side, the batch size
    down to one.

    Args:
        chain_at: the stages at a batch size.
        depth: slots wanted.
        lanes: batches to compute at once.
        free_bytes: on the device.
        shared: device and pinned memory are the same memory, as on a CPU.

    Raises:
        MissingError: not even the smallest plan fits; the message has the numbers.
    """
    budget_bytes = int(free_bytes * (1 - SPARE))
    plan: Plan | None = None
    for size, slots, serial in _candidates(batch, depth, lanes):
        try:
            chain = chain_at(size)
        except InputError:
            if size == batch:
                raise
            break  # an engine takes no smaller batch
        plan = _plan(chain, slots, lanes, serial, _given_up(batch, depth, size, slots, serial))
        needed_bytes = plan.size_bytes("device") + (plan.size_bytes("pinned") if shared else 0)
        if needed_bytes <= budget_bytes:
            return plan
    assert plan is not None
    raise MissingError(
        f"memory: the smallest plan needs {needed_bytes / 1e6:.1f} MB, and {budget_bytes / 1e6:.1f} MB "
        f"may be used ({free_bytes / 1e6:.1f} MB are free); close other programs, or process smaller frames"
    )


def _candidates(batch: int, depth: int, lanes: int) -> list[tuple[int, int, bool]]:
    least = min(depth, max(LEAST_DEPTH, lanes))
    found = [(batch, slots, False) for slots in range(depth, least - 1, -1)]
    size = batch
    while size:
        found.append((size, least, True))
        size //= 2
    return found


def _given_up(batch: int, depth: int, size: int, slots: int, serial: bool) -> tuple[str, ...]:
    return tuple(
        sentence
        for given, sentence in (
            (slots < depth, f"memory is short: {slots} slots instead of {depth}"),
            (serial, "memory is short: stages run one after another"),
            (size < batch, f"memory is short: batch size {size} instead of {batch}"),
        )
        if given
    )


def _plan(chain: Chain, depth: int, lanes: int, serial: bool, given_up: tuple[str, ...]) -> Plan:
    branches = dict.fromkeys(chain.branches, 0) if serial else chain.branches
    arenas: dict[int, int] = {}
    items = [Item("frame", "pinned", depth, chain.values[FRAME].size_bytes)]
    items += [Item(name, "device", depth, value.size_bytes) for name, value in chain.values.items()]
    items += [Item(name, "pinned", depth, chain.values[name].size_bytes) for name in chain.results.values()]
    for node in chain.nodes:
        stream, inputs = branches[node.number], chain.inputs(node)
        arenas[stream] = max(arenas.get(stream, 0), node.session.scratch_bytes(inputs))
        own_bytes = node.session.own_bytes(inputs)
        if own_bytes:
            items.append(Item(f"{node.number} at work", "device", lanes, own_bytes))
    items += [Item(f"scratch {stream}", "device", lanes, size) for stream, size in arenas.items() if size]
    return Plan(chain, depth, lanes, branches, arenas, tuple(items), given_up)
