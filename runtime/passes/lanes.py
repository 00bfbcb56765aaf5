"""What each pass of a run does in its thread: wait for its shots, make them, note them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial

from trt_anime.errors import EngineError
from trt_anime.runtime.ledger.identity import Identity
from trt_anime.runtime.ledger.segments import FILE_NAME as LEDGER
from trt_anime.runtime.passes import finish
from trt_anime.runtime.passes.context import Context, OfShot, matte_folder
from trt_anime.runtime.passes.describe import layers_of
from trt_anime.runtime.passes.progress import Progress
from trt_anime.runtime.passes.record import ChainRecord, PassRecord
from trt_anime.runtime.passes.side_by_side import Gate, side_by_side
from trt_anime.runtime.passes.table import MATTE, Pass
from trt_anime.runtime.results.layers import write_layers
from trt_anime.runtime.results.places import frame_name
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import behind

# Cores from which on passes run side by side: fewer are busy with one.
SIDE_BY_SIDE = 4

Advance = Callable[[int], None]
# Given what is being done and how many frames it will be, yields what takes how many just were.
Track = Callable[[str, int | None], AbstractContextManager[Advance]]


class Lanes:
    """All passes of one run.

    Args:
        shots: of the clip.
    """

    def __init__(
        self,
        context: Context,
        record: ChainRecord,
        progress: Progress,
        track: Track,
        shots: Sequence[Shot],
    ) -> None:
        self._context, self._record, self._progress = context, record, progress
        self._track, self._shots = track, shots
        self._writing = threading.Lock()
        self._devices: dict[str, None] = {}
        # Frames of a matte that goes on from an earlier run are looked at when it is whole: some of what
        # lies there may be made again.
        self._is_fresh_matte = not (matte_folder(context.folder).parent / LEDGER).exists()
        self._is_matte_coming = False

    def go(self, passes: Sequence[Pass], matte: Identity | None) -> None:
        """Shot by shot all that can be at once; then what looks at the film as a whole.

        A GPU may have room for the networks of one pass, but not of all: what fails side by side is tried
        again alone before the run fails. Whoever measures passes measures each by itself.

        Args:
            matte: what decides stage 2a's network, if that is to run.
        """
        options = self._context.options
        try:
            if options.cores < SIDE_BY_SIDE or self._context.networks.is_watched:
                self._one_after_another(passes, matte)
            else:
                try:
                    gate = Gate()
                    side_by_side(self._lanes(gate, passes, matte), gate)
                except EngineError as error:
                    if options.device == "cpu":
                        raise
                    self._context.notify(f"side by side: {error}; what is left is done pass after pass")
                    self._one_after_another(passes, matte)
            for one in passes:
                if one.cadence == "film":
                    self._film(one)
        finally:
            order = [MATTE, *(one.name for one in passes)]
            self._record.passes.sort(key=lambda row: order.index(row.name))

    def _one_after_another(self, passes: Sequence[Pass], matte: Identity | None) -> None:
        for lane in self._lanes(Gate(), passes, matte):
            lane()

    def _lanes(
        self, gate: Gate, passes: Sequence[Pass], matte: Identity | None
    ) -> list[Callable[[], None]]:
        """What hasn't ended, in an order in which nobody waits for a later one."""
        ended = {row.name for row in self._record.passes}
        left = [one for one in passes if one.cadence != "film" and one.name not in ended]
        running = {one.name for one in left}
        lanes: list[Callable[[], None]] = []
        if matte is not None and MATTE not in ended:
            running.add(MATTE)
            lanes.append(partial(self._matte, gate, matte))
        return lanes + [partial(self._shot_by_shot, gate, one, running) for one in left]

    def _matte(self, gate: Gate, identity: Identity) -> None:
        start, context = time.perf_counter(), self._own(gate)
        self._progress.begin(MATTE, identity)
        with self._track(MATTE, self._record.frames) as advance:

            def written(frames: int) -> None:
                gate.go_on()
                advance(frames)
                self._is_matte_coming = self._is_fresh_matte
                gate.look_again()

            done = context.tools.matte(context, written)
        for shot in self._shots:
            gate.note(MATTE, shot.number)
        row = PassRecord(MATTE, "2a", networks=done)
        self._note(row, context, self._record.frames, time.perf_counter() - start)

    def _shot_by_shot(self, gate: Gate, one: Pass, running: set[str]) -> None:
        done = self._progress.done(one.name)
        for shot in self._shots:
            if shot.number in done:
                gate.note(one.name, shot.number)
        left = [shot for shot in self._shots if shot.number not in done]
        reads = [name for name in one.reads if name in running]
        frames, seconds = sum(shot.stop - shot.start for shot in left), 0.0
        context = self._own(gate)
        if left:
            self._wait(gate, reads, left[0])  # only then are its networks opened
            with self._track(one.name, frames) as advance, one.open(context) as make:
                for shot, took in self._made(one, make, gate, reads, left):
                    seconds += took
                    gate.note(one.name, shot.number)
                    advance(shot.stop - shot.start)
        self._end(one, context, frames, seconds)

    def _film(self, one: Pass) -> None:
        """Over all shots at once, from everything that the other passes left."""
        film = Shot(0, 0, self._shots[-1].stop, (0,))
        start = time.perf_counter()
        finish.prepare(self._context, self._record)
        context = self._own(Gate())
        if film.number not in self._progress.done(one.name):
            with self._track(one.name, film.stop) as advance, one.open(context) as make:
                self._make(one, make, film)
                advance(film.stop)
        self._end(one, context, film.stop, time.perf_counter() - start)

    def _made(
        self, one: Pass, make: OfShot, gate: Gate, reads: Sequence[str], shots: Sequence[Shot]
    ) -> Iterator[tuple[Shot, float]]:
        """Each shot, once it is done, with the seconds it took."""

        def work(shot: Shot) -> tuple[Shot, float]:
            self._wait(gate, reads, shot)
            return shot, self._make(one, make, shot)

        at_once = one.shots_at_once(self._context.options.cores)
        if at_once == 1:
            yield from map(work, shots)
            return
        with ThreadPoolExecutor(at_once, one.name) as pool:
            yield from behind(work, shots, pool, depth=at_once)

    def _wait(self, gate: Gate, reads: Sequence[str], shot: Shot) -> None:
        """Until what the shot is made of is there; frames of the matte come one by one."""
        names = [name for name in reads if name != MATTE]
        gate.wait(names, shot.number, lambda: MATTE not in reads or self._is_matted(gate, shot))

    def _is_matted(self, gate: Gate, shot: Shot) -> bool:
        if gate.is_done(MATTE, shot.number):
            return True
        folder, frames = matte_folder(self._context.folder), reversed(range(shot.start, shot.stop))
        return self._is_matte_coming and all((folder / frame_name(index)).exists() for index in frames)

    def _make(self, one: Pass, make: OfShot, shot: Shot) -> float:
        """One shot; returns the seconds it took."""
        start = time.perf_counter()
        made = make(shot)
        self._progress.finish(one.name, shot, made.files, made.facts)
        return time.perf_counter() - start

    def _own(self, gate: Gate) -> Context:
        """The context of one pass: networks of its own, and an end as soon as another fails."""
        return replace(self._context, networks=self._context.networks.own(), go_on=gate.go_on)

    def _end(self, one: Pass, context: Context, frames: int, seconds: float) -> None:
        self._progress.end(one.name)
        used = [asdict(used) | {"run_s": round(used.run_s, 4)} for used in context.networks.used]
        row = PassRecord(one.name, ", ".join(one.stages), networks=used)
        self._note(row, context, frames, seconds)

    def _note(self, row: PassRecord, context: Context, frames: int, seconds: float) -> None:
        row.frames, row.run_s = frames, round(seconds, 3)
        row.networks_s = round(sum(used["run_s"] / used["at_once"] for used in row.networks), 3)
        with self._writing:
            self._devices |= dict.fromkeys(context.networks.devices)
            self._record.device = ", ".join(self._devices) or self._record.device
            self._record.passes.append(row)
            write_layers(self._context.folder, layers_of(self._context))
