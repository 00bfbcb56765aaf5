"""Characters followed by AOT or DeAOT."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.numbering import Numbering
from trt_anime.runtime.characters.propagation import Followed, certainty
from trt_anime.runtime.devices.api import Device, Shape
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.temporal.aot import AotGraphs, AotTracker
from trt_anime.runtime.temporal.aot_arrays import ArrayGraphs, Run

STAGES = ("encode", "refer", "propagate", "decode", "memorise")
MERGE = "merge"  # the stage of graphs that follow more objects than one pass can
GAP = 5  # frames between two that are remembered for the shot
COARSE = 4  # every fourth pixel tells as well how sure it is


class AotPropagator:
    """See `Propagator`. It needs no matte.

    Args:
        graphs: on NumPy arrays, of one frame size.
        gap: see `AotTracker`.
    """

    def __init__(self, graphs: AotGraphs, *, gap: int = GAP) -> None:
        self.most = min(255, graphs.objects * graphs.passes)
        self._tracker = AotTracker(graphs, gap=gap)
        self._numbering = Numbering()
        self._labels: NDArray[np.uint8] | None = None  # of a frame that isn't remembered yet

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`."""
        self._numbering, self._labels = Numbering(), None
        drawn = self._numbering.numbered(ids)
        self._tracker.start(frame[None], drawn[None], len(self._numbering))

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        if self._labels is not None:
            self._tracker.memorise(self._labels)
        decoded = self._tracker.propagate(frame[None])
        self._labels = decoded.labels
        seen = decoded.probabilities[0, 1 : 1 + len(self._numbering), ::COARSE, ::COARSE]
        return Followed(self._numbering.ids_of(decoded.labels[0]), certainty(seen))

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.add`. The networks keep what they had found where nobody is drawn now."""
        drawn = self._numbering.numbered(ids)
        self._labels = None
        self._tracker.add(drawn[None], len(self._numbering))


@contextmanager
def graphs_from_sessions(
    sessions: Mapping[str, Session],
    device: Device,
    *,
    counted: Callable[[str, Run], Run] = lambda graph, run: run,
) -> Iterator[ArrayGraphs]:
    """The graphs of one model at one size, on any device.

    Args:
        counted: given a graph's name and what runs it, gives what runs it from then on.

    Raises:
        MissingError: a stage is lacking, or memory.
        InputError: a graph has a size that isn't fixed.
    """
    missing = [stage for stage in STAGES if stage not in sessions]
    if missing:
        raise MissingError(
            f"AOT: no graph or engine for {', '.join(missing)}; it needs {', '.join(STAGES)} of one export"
        )
    with ExitStack() as stack:
        runs = {
            name: counted(name, stack.enter_context(Running(session, device, _fixed(session))))
            for name, session in sessions.items()
        }
        slots, layers, tokens, channels = _fixed(sessions["propagate"])["long"]
        passes = len(sessions[MERGE].inputs) - 1 if MERGE in sessions else 1
        objects = _planes(sessions[MERGE if MERGE in sessions else "decode"]) // passes
        memory = (slots, layers, tokens, channels)
        yield ArrayGraphs(runs, memory=memory, objects=objects, passes=passes)


def _fixed(session: Session) -> dict[str, Shape]:
    shapes = {}
    for binding in session.inputs:
        if not all(isinstance(side, int) for side in binding.shape):
            raise InputError(
                f"AOT: `{binding.name}` has the shape {binding.shape}; export for one frame size"
            )
        shapes[binding.name] = tuple(int(side) for side in binding.shape)
    return shapes


def _planes(session: Session) -> int:
    """Of its probabilities, without the first one, which is the background's."""
    return next(int(binding.shape[1]) for binding in session.outputs if binding.name == "probabilities") - 1
