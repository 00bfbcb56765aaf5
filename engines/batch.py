"""Many engines at once: threads that wait for builders, each builder a process of its own."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic

from trt_anime.engines import worker
from trt_anime.engines.builder import Built, engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.memo import shared
from trt_anime.engines.targets import Target

GRACE_S = 3.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Order:
    """One engine to be built.

    Attributes:
        model: what people call the graph: its network, and which of its graphs it is.
        graph: the stage graph's file; it is read when its turn comes, and once for all orders in a row.
    """

    model: str
    graph: Path
    target: Target
    precision: Precision
    profile: Profile

    @property
    def title(self) -> str:
        """Such as ``u2netp 1920x1080 fp16 rtx-sm89``; without the size where none was asked for."""
        size = (self.profile.frame,) if self.profile.height else ()
        return " ".join((self.model, *size, self.precision, self.target.name))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an order: `built`, or the `error` that stood in its way."""

    order: Order
    built: Built | None = None
    error: Exception | None = None


def engines_from_orders(
    orders: Sequence[Order],
    *,
    workers: int,
    force: bool = False,
    on_progress: Callable[[Order, float], None],
    on_done: Callable[[Outcome], None],
) -> list[Outcome]:
    """Build the engines, `workers` at a time; what is in the store is taken from there.

    An order that fails doesn't stop the others. TensorRT times kernels on the machine's GPU, so of its
    engines one is built at a time; TensorRT-RTX has no use for a GPU.

    `force` builds from typed graphs whose parity failed, too.

    `on_progress` is told an order's share done, 0 to 1, from several threads at once; not for what is
    in the store. `on_done` is told each outcome as it comes, in the calling thread.

    On any exception here, Ctrl-C included, the builders are ended at once. Finished engines are kept,
    so that the same orders go on where they stopped. Not promised: that no thread is left which waits
    for another process to finish the same engine; it dies with this process.

    Returns:
        One outcome an order, in the orders' order; of equal orders, one is carried out.
    """
    different = list(dict.fromkeys(orders))
    batch = _Batch(different, on_progress, force=force)
    threads = [Thread(target=batch.work, daemon=True) for _ in range(min(workers, len(different)))]
    outcomes: dict[Order, Outcome] = {}
    try:
        for thread in threads:
            thread.start()
        while len(outcomes) < len(different):
            outcome = batch.next_outcome()
            outcomes[outcome.order] = outcome
            on_done(outcome)
    except BaseException:
        batch.cancel(threads)
        raise
    return [outcomes[order] for order in orders]


class _Cancelled(Exception):  # noqa: N818 - nothing is wrong, and nobody sees it
    pass


class _Batch:
    def __init__(
        self, orders: Sequence[Order], on_progress: Callable[[Order, float], None], *, force: bool
    ) -> None:
        self._force = force
        self._orders: SimpleQueue[Order] = SimpleQueue()
        for order in orders:
            self._orders.put(order)
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._on_progress = on_progress
        self._stop = Event()
        self._gpu = Lock()
        # Two: while the last engines of one graph are being built, the first of the next are begun.
        self._graph = shared(2)(stage_graph_from_file)

    def work(self) -> None:
        """A thread: build until nothing is left to be built."""
        while not self._stop.is_set():
            try:
                order = self._orders.get_nowait()
            except Empty:
                return
            self._outcomes.put(self._outcome(order))

    def next_outcome(self) -> Outcome:
        while True:
            try:
                return self._outcomes.get(timeout=_POLL_S)  # without a timeout, Windows holds Ctrl-C back
            except Empty:
                continue

    def cancel(self, threads: Sequence[Thread]) -> None:
        self._stop.set()
        deadline = monotonic() + GRACE_S
        while any(thread.is_alive() for thread in threads) and monotonic() < deadline:
            worker.kill_all()  # again and again: one may have been on its way
            for thread in threads:
                if thread.is_alive():
                    thread.join(_POLL_S / len(threads))

    def _outcome(self, order: Order) -> Outcome:
        try:
            with self._turn(order.target):
                built = engine_from_graph(
                    self._graph(order.graph),
                    order.target,
                    precision=order.precision,
                    profile=order.profile,
                    on_progress=partial(self._report, order),
                    force=self._force,
                )
        except Exception as error:
            return Outcome(order, error=error)
        return Outcome(order, built)

    def _turn(self, target: Target) -> AbstractContextManager[object]:
        return self._gpu if target.flavour == "trt" else nullcontext()

    def _report(self, order: Order, share: float) -> None:
        if self._stop.is_set():
            raise _Cancelled
        self._on_progress(order, share)
