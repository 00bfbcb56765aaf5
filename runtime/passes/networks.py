"""Networks as functions of arrays, opened by a pass when its first shot comes, closed with it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trt_anime.errors import MissingError
from trt_anime.runtime.devices.api import Device, Shape
from trt_anime.runtime.devices.opening import candidates, open_device
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.counting import Used, counted_call, counter
from trt_anime.runtime.passes.timed import Timed
from trt_anime.runtime.passes.watch import Watch
from trt_anime.runtime.pipeline.recorder import Recorder
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.opening import open_graph, runs_on
from trt_anime.runtime.sessions.running import Arrays, Running
from trt_anime.runtime.text.tokenizer import Tokenizer
from trt_anime.stage import SIZE

Notify = Callable[[str], None]


@dataclass(frozen=True)
class ModelFiles:
    """What is on this machine of a model of the catalogue.

    Attributes:
        graphs: stage graphs by name.
        companions: files that came with its weights, by name, such as ``tokenizer.json``.
        tokens: numbers of tokens that its text begins and ends with, by use: ``start``, ``stop``.
        context: tokens that it reads of a text; 0 where it reads none.
    """

    graphs: Mapping[str, Path]
    companions: Mapping[str, Path] = field(default_factory=dict)
    tokens: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    context: int = 0

    def tokenizer(self, model: str) -> Tokenizer:
        """Raises MissingError: its file isn't here; CheckpointError: it can't be read."""
        path = self.companions.get(TOKENIZER)
        if path is None:
            raise MissingError(f"{model}: its {TOKENIZER} isn't here; run `trt-anime models pull {model}`")
        return Tokenizer.from_file(path, context=self.context)


# By catalogue name; fetches and exports on first use.
FilesOf = Callable[[str], ModelFiles]

TOKENIZER = "tokenizer.json"

# Shapes that a network keeps memory for at once: a last, smaller batch beside the full one.
_SHAPES = 2


class Network:
    """One stage graph: arrays in, arrays out. Threads take turns."""

    def __init__(self, session: Session, device: Device, used: Used) -> None:
        """`used`: counts its runs."""
        self.session, self._device, self._used = session, device, used
        self._turn = threading.Lock()
        self._running: OrderedDict[tuple[tuple[str, Shape], ...], Running] = OrderedDict()

    def __call__(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """All outputs by name. Raises InputError: shapes the graph doesn't take; EngineError: it failed.

        Args:
            inputs: all of them; the frame's size may be there although an engine knows it already.
        """
        wanted = {binding.name for binding in self.session.inputs}
        given = {name: array for name, array in inputs.items() if name in wanted or name != SIZE}
        key = tuple(sorted((name, array.shape) for name, array in given.items()))
        with self._turn:
            if key not in self._running:
                while len(self._running) >= _SHAPES:
                    self._running.popitem(last=False)[1].close()
                self._running[key] = Running(self.session, self._device, dict(key))
            self._running.move_to_end(key)
            found: dict[str, NDArray[Any]] = counted_call(self._used, self._running[key])(given)
            return found

    def close(self) -> None:
        """Free its memory; the session stays its owner's. Again is harmless."""
        while self._running:
            self._running.popitem()[1].close()


class Networks:
    """Opens networks on the device that was asked for.

    Args:
        size: (height, width) of the frames.
        watch: hears of every network.
    """

    def __init__(
        self,
        options: ProcessOptions,
        *,
        size: tuple[int, int],
        files: FilesOf,
        notify: Notify,
        watch: Watch | None = None,
    ) -> None:
        self._options, self._size, self._files, self._notify = options, size, files, notify
        self._watch = watch
        self.used: list[Used] = []
        self.devices: list[str] = []

    def own(self) -> "Networks":
        """The same for one pass, which notes what it used."""
        return Networks(
            self._options, size=self._size, files=self._files, notify=self._notify, watch=self._watch
        )

    @property
    def is_watched(self) -> bool:
        return self._watch is not None

    @property
    def recorder(self) -> Recorder | None:
        """For stage 2a's network, which runs in a pipeline of its own."""
        return None if self._watch is None else self._watch.recorder

    @contextmanager
    def device(self) -> Iterator[Device]:
        """The device, until the block ends. Raises MissingError: it isn't here."""
        options = self._options
        *better, last = [n for n in candidates(options.device) if runs_on(options.provider, n)] or ["cpu"]
        with ExitStack() as stack:
            for name in better:
                try:
                    yield stack.enter_context(open_device(name))
                    return
                except MissingError as error:
                    self._notify(f"device auto: not {name}, but {last}: {error}")
            yield stack.enter_context(open_device(last))

    def files(self, model: str) -> ModelFiles:
        """Raises MissingError, DownloadError: see `FilesOf`."""
        return self._files(model)

    @contextmanager
    def open(self, model: str, *kinds: str, stage: str) -> Iterator[dict[str, Network]]:
        """Graphs of one model by name, as functions, until the block ends.

        Args:
            kinds: which of its graphs; all of them if none is named.
            stage: number of the stage that asks.

        Raises:
            InputError, MissingError, EngineError: see `open_graph`.
        """
        with self.sessions(model, *kinds, stage=stage) as (device, sessions), ExitStack() as stack:
            found = {
                kind: Network(session, device, self.used_of(model, kind))
                for kind, session in sessions.items()
            }
            for network in found.values():
                stack.callback(network.close)
            yield found

    @contextmanager
    def sessions(
        self, model: str, *kinds: str, stage: str, counted: bool = False
    ) -> Iterator[tuple[Device, dict[str, Session]]]:
        """As `open`: the sessions, and the device that they are on, for who puts work on it itself.

        Args:
            counted: whether runs are timed by events on their stream, and counted; who times them otherwise
                counts them by `used_of`.
        """
        files = self._files(model).graphs
        start_s = time.perf_counter()
        with ExitStack() as stack:
            device = stack.enter_context(self.device())
            found: dict[str, Session] = {}
            for kind in kinds or files:
                session, notices = self._session(kind, files[kind], device, stage)
                found[kind] = stack.enter_context(session)
                for sentence in notices:
                    self._notify(sentence)
                self.used.append(Used(stage, model, kind, session.origin))
            self.note_device(f"{device.name} ({device.title})")
            if not counted and self._watch is None:
                yield device, found
                return
            timed = Timed(device, found, copies=self._watch is not None)
            if counted:
                timed.listeners.append(counter({kind: self.used_of(model, kind) for kind in found}))
            if self._watch is not None:
                self._watch.opened(stage, model, timed, start_s)
            yield timed.device, timed.sessions
            timed.settle()

    def used_of(self, model: str, graph: str) -> Used:
        """What counts the runs of a graph that was opened last."""
        return next(one for one in reversed(self.used) if (one.model, one.graph) == (model, graph))

    def note_device(self, name: str) -> None:
        """Something ran there, for `run.json`."""
        if name not in self.devices:
            self.devices.append(name)

    def _session(self, kind: str, file: Path, device: Device, stage: str) -> tuple[Session, list[str]]:
        options = self._options
        session, notices = open_graph(
            kind,
            device,
            graph=file,
            name=stage,
            provider=options.provider,
            threads=options.cores,
            size=self._size,
            precision=options.precision if device.name.startswith("cuda") else "fp32",
            allow_cpu_nodes=options.allow_cpu_nodes,
            at_once=1,  # a pass waits for each run before the next
        )
        asked, runs = options.precision, session.origin.precision
        if asked not in (None, runs):
            notices.append(f"stage {stage}: `{kind}` runs in {runs}, as it isn't here in {asked}")
        return session, notices
