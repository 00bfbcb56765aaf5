"""Engines run on this machine's GPU: measured against FP32, timed, and kept or not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.parity import Comparison, Run, compare, run_with_onnxruntime, worst_png
from trt_anime.calibration.selection import Candidate
from trt_anime.cli.calibrate.frames import candidates, chosen_frames
from trt_anime.cli.engines.summary import parity_words
from trt_anime.engines import pruning, store
from trt_anime.engines.machine import Gpu, Machine, chosen_on
from trt_anime.engines.manifest import Recipe
from trt_anime.engines.preflight import gpus_for, validity_here, verdict
from trt_anime.engines.ranking import milliseconds
from trt_anime.engines.rebuild import graph_file
from trt_anime.engines.store import Entry, Refused
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import write_bytes
from trt_anime.parity import Parity
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

# What `calibrate` draws with by itself. So on the clip that it was given, engines are judged on frames that
# their calibration did not see.
SEED = 0

Frames = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class Proof:
    """What became of an engine.

    Attributes:
        state: ``kept``; ``forced``: kept although it failed; ``removed``: it failed; ``broken``: it is
            damaged or doesn't run; ``passed over``: it can't be measured here, or on this clip.
        words: to be read after the engine's name.
        entry: as it is in the store now; None where it isn't measured, or not there.
        parity, seconds_per_frame: None where it did not run.
    """

    state: Literal["kept", "forced", "removed", "broken", "passed over"]
    words: str
    entry: Entry | None = None
    parity: Parity | None = None
    seconds_per_frame: float | None = None


class Prover:
    """Runs engines on frames of one clip; the clip is looked through once, and once more a graph.

    Args:
        machine: with a GPU.
        force: keep what fails, and mark it.
    """

    def __init__(self, clip: Path, machine: Machine, *, force: bool) -> None:
        """Raises InputError: the clip can't be read."""
        self._clip, self._machine, self._force = clip, machine, force
        with closing(open_source(clip)) as source:
            self._size = source.info.height, source.info.width
        self._candidates: list[Candidate] | None = None
        self._opened: tuple[str, Run, Frames] | None = None

    def proof(self, found: Entry | Refused) -> Proof:
        """Run one engine if it is for this GPU and this clip's size, and write down what came out.

        Raises:
            InputError: the clip can't be read, or shows nothing of what the engine's stage is for.
            OutputError: the store can't be written.
        """
        judged = verdict(
            found, self._machine, size=self._size, ask=lambda entry: validity_here(entry, self._machine)
        )
        if isinstance(found, Refused):
            return Proof("broken", judged.reason)
        if damage := store.damage(found):
            return Proof("broken", damage)
        if judged.state in ("rebuild", "elsewhere"):
            return Proof("passed over", f"passed over: {judged.reason}")
        try:
            comparison, seconds = self._measured(found)
            return self._concluded(found, comparison, seconds)
        except MissingError as error:
            return Proof("passed over", f"passed over: {error}")
        except EngineError as error:
            return Proof("broken", f"failed: {error}")

    def _measured(self, entry: Entry) -> tuple[Comparison, float]:
        """How near it is, and seconds a frame."""
        recipe = entry.manifest.recipe
        reference, frames = self._reference(recipe)
        batch = recipe.profile.opt_batch
        gpu = self._gpu(recipe)
        with engine_on_gpu(entry, self._machine.gpus.index(gpu), batch) as (run, library):
            comparison = compare(
                reference,
                _filled_up(run, batch),
                _batches(frames, batch),
                stage=recipe.stage,
                precision=recipe.precision,
                reference_name=f"fp32 graph, {_onnxruntime()} CPU",
                candidate_name=f"{recipe.precision} engine, {library} on {gpu.name}",
            )
            return comparison, run.seconds() / batch

    def _concluded(self, entry: Entry, comparison: Comparison, seconds: float) -> Proof:
        manifest, parity, picture = entry.manifest, comparison.parity, worst_png(comparison)
        is_near = parity.passed and (manifest.parity is None or manifest.parity.passed)
        took = f"{milliseconds(seconds)} a frame"
        if not parity.passed and not (self._force or manifest.forced):
            seen = store.removed_pictures() / f"{entry.folder.name}.png"
            write_bytes(seen, picture)
            pruning.remove(entry)
            words = f"{parity_words(parity)}; {took}; removed, look at {seen}"
            return Proof("removed", words, parity=parity, seconds_per_frame=seconds)
        measured = replace(
            manifest,
            forced=not is_near,
            engine_parity=parity,
            seconds_per_frame=seconds,
            measured_on=chosen_on(self._gpu(manifest.recipe), self._machine.driver),
        )
        entry = store.amended(entry, measured, picture)
        words = f"{parity_words(parity, forced=measured.forced)}; {took}"
        state: Literal["kept", "forced"] = "kept" if parity.passed else "forced"
        return Proof(state, words, entry, parity, seconds)

    def _gpu(self, recipe: Recipe) -> Gpu:
        return gpus_for(recipe, self._machine)[0]

    def _reference(self, recipe: Recipe) -> tuple[Run, Frames]:
        """The FP32 graph on the CPU, and the frames to judge by; kept for the next engine of the graph.

        Raises:
            MissingError: the graph isn't here any more.
        """
        if self._opened is None or self._opened[0] != recipe.graph_sha256:
            run = run_with_onnxruntime(graph_file(recipe.graph_sha256))
            if self._candidates is None:
                self._candidates = candidates([self._clip], seed=SEED)
            chosen = chosen_frames(
                [self._clip],
                self._candidates,
                lambda frame: run({"frame": frame}),
                stage=recipe.stage,
                seed=SEED,
            )
            self._opened = recipe.graph_sha256, run, chosen.validation
        return self._opened[1:]


@contextmanager
def engine_on_gpu(entry: Entry, ordinal: int, batch: int) -> Iterator[tuple[Running, str]]:
    """An engine ready to run on batches of one size, and the library that runs it.

    Raises:
        MissingError: the device or the library isn't here, or memory is short.
        EngineError: the library or the device failed.
    """
    profile = entry.manifest.recipe.profile
    with (
        CudaDevice(ordinal) as device,
        TensorRtSession(entry, device, name="verify") as session,
        Running(session, device, {"frame": (batch, profile.height, profile.width, 3)}) as running,
    ):
        yield running, session.origin.library


def _batches(frames: Frames, size: int) -> Iterator[dict[str, NDArray[np.uint8]]]:
    """All frames; the last batch may have fewer."""
    for start in range(0, len(frames), size):
        yield {"frame": np.concatenate(frames[start : start + size])}


def _filled_up(run: Run, size: int) -> Run:
    """For batches of up to `size`: the last frame is repeated, and what comes of that thrown away."""

    def run_filled(inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        frames = inputs["frame"]
        rest = frames[-1:].repeat(size - len(frames), axis=0)
        outputs = run({"frame": np.concatenate([frames, rest])})
        return {name: array[: len(frames)] for name, array in outputs.items()}

    return run_filled


def _onnxruntime() -> str:
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"
