"""Networks as functions of arrays, opened for one pass and closed with it: never all in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import Device, Shape
from trt_anime.runtime.devices.opening import candidates, open_device
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.sessions.api import Origin, Session
from trt_anime.runtime.sessions.opening import open_graph, runs_on
from trt_anime.runtime.sessions.running import Arrays, Running

Notify = Callable[[str], None]


@dataclass(frozen=True)
class ModelFiles:
    """What is on this machine of a model of the catalogue.

    Attributes:
        graphs: stage graphs by name.
        companions: files that came with its weights, by name, such as ``tokenizer.json``.
    """

    graphs: Mapping[str, Path]
    companions: Mapping[str, Path] = field(default_factory=dict)


# By catalogue name; fetches and exports on first use.
FilesOf = Callable[[str], ModelFiles]

# Shapes that a network keeps memory for at once: a last, smaller batch beside the full one.
_SHAPES = 2


class Network:
    """One stage graph: arrays in, arrays out. For one thread at a time."""

    def __init__(self, session: Session, device: Device) -> None:
        self.session, self._device = session, device
        self._running: OrderedDict[tuple[tuple[str, Shape], ...], Running] = OrderedDict()

    def __call__(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """All outputs by name. Raises InputError: shapes the graph doesn't take; EngineError: it failed."""
        key = tuple(sorted((name, array.shape) for name, array in inputs.items()))
        if key not in self._running:
            while len(self._running) >= _SHAPES:
                self._running.popitem(last=False)[1].close()
            self._running[key] = Running(self.session, self._device, dict(key))
        self._running.move_to_end(key)
        return self._running[key](inputs)

    def close(self) -> None:
        """Free everything. Again is harmless."""
        while self._running:
            self._running.popitem()[1].close()
        self.session.close()


@dataclass(frozen=True)
class Used:
    """A network that ran, for `run.json`."""

    model: str
    graph: str
    origin: Origin


class Networks:
    """Opens networks on the device that was asked for.

    Args:
        size: (height, width) of the frames.
    """

    def __init__(
        self, options: ProcessOptions, *, size: tuple[int, int], files: FilesOf, notify: Notify
    ) -> None:
        self._options, self._size, self._files, self._notify = options, size, files, notify
        self.used: list[Used] = []

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
        """Graphs of one model by name, on a device of their own, until the block ends.

        Args:
            kinds: which of its graphs; all of them if none is named.
            stage: number of the stage that asks.

        Raises:
            InputError, MissingError, EngineError: see `open_graph`.
        """
        files = self._files(model).graphs
        with ExitStack() as stack:
            device = stack.enter_context(self.device())
            found = {}
            for kind in kinds or files:
                session, notices = self._session(kind, files[kind], device, stage)
                network = Network(session, device)
                stack.callback(network.close)
                found[kind] = network
                for sentence in notices:
                    self._notify(sentence)
                self.used.append(Used(model, kind, session.origin))
            yield found

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
            precision=options.precision if device.name.startswith("cuda") else None,
            allow_cpu_nodes=options.allow_cpu_nodes,
            at_once=1,  # a pass waits for each run before the next
        )
        asked, runs = options.precision, session.origin.precision
        if asked not in (None, runs):
            session.close()
            raise InputError(
                f"--precision {asked}: the graph `{kind}` of stage {stage} runs in {runs} on"
                f" {session.origin.provider}; leave --precision out, or build engines for a GPU"
            )
        return session, notices
