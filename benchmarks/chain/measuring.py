"""Both ways over the same frames: compared, then timed."""

import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.our_way import OurChain
from benchmarks.chain.parity import compared, decoders_agree
from benchmarks.chain.stages import Arrays, ChainStage, values_of
from benchmarks.chain.torch_way import TorchChain, decoded, sequential
from benchmarks.footage import Footage
from benchmarks.pairs import Rounds, alternated
from trt_anime.errors import EngineError
from trt_anime.runtime.media.reader import open_source


class Both:
    """Our chain and PyTorch's, on one clip.

    Args:
        folder: for what they write.
    """

    def __init__(
        self, ours: OurChain, theirs: TorchChain, rows: Sequence[ChainStage], footage: Footage, folder: Path
    ) -> None:
        self._ours, self._theirs, self._rows = ours, theirs, rows
        self._footage, self._folder = footage, folder
        with open_source(footage.clip, threads=1) as source:
            self._frames: list[NDArray[np.uint8]] = [frame.rgb for frame in source]

    def check(self, frames: int) -> dict[str, str]:
        """What was compared, in words, by the stage's title, and ``decode``.

        Every lane and every stage has run once then. Raises EngineError: results differ.
        """
        clip = self._footage.clip
        words = {"decode": decoders_agree(self._frames, list(decoded(clip)), clip)}
        found = compared(
            self._rows,
            list(islice(self._frames, frames)),
            self._theirs.prompts,
            ours=self._ours.run,
            theirs=self._theirs.run,
        )
        words |= {
            title: f"stage {title}: {difference} (allowed: {difference.tolerance})"
            for title, difference in found.items()
        }
        self._run_ours()  # the other lanes
        return words

    @property
    def chain_rows(self) -> list[ChainStage]:
        """Stages of the whole chain, a network each; two in stage 4, which do different work."""
        return [row for row in self._rows if not row.is_spare]

    def stage(self, row: ChainStage, rounds: int) -> Rounds:
        """One stage over all its frames in memory: PyTorch takes them one by one, ours several at once
        where the stage allows.
        """
        items = [values for values in self._inputs_of(row) if row.runs_for(values)]

        def theirs() -> None:
            for values in items:
                self._theirs.run(row, row.inputs(values))

        def ours() -> None:
            self._ours.over(items, [row])

        return alternated(ours, theirs, rounds=rounds, units=len(items))

    def chain(self, rounds: int) -> Rounds:
        """From the clip to files. Raises EngineError: a frame is missing."""
        return alternated(self._run_ours, self._run_theirs, rounds=rounds, units=len(self._frames))

    def _run_ours(self) -> None:
        output = self._emptied("ours")
        count = self._ours.clip(self.chain_rows, self._theirs.prompts, self._footage.clip, output)
        self._require_all(count, output)

    def _run_theirs(self) -> None:
        output = self._emptied("theirs")
        count = sequential(self._theirs, self.chain_rows, self._footage.clip, output)
        self._require_all(count, output)

    def _inputs_of(self, row: ChainStage) -> list[Arrays]:
        """What the stage reads, for each frame; the first stage's layer comes out of a run of it."""
        items = [
            values_of(frame, number, self._theirs.prompts) for number, frame in enumerate(self._frames)
        ]
        first = self._rows[0]
        return items if row is first else self._ours.over(items, [first])

    def _require_all(self, count: int, output: Path) -> None:
        folders = [folder for folder in output.iterdir() if folder.is_dir()]
        counts = {len(list(folder.glob("*.png"))) for folder in folders} | {count}
        if counts != {len(self._frames)}:
            raise EngineError(f"{len(self._frames)} frames in, but {sorted(counts)} out in {output.name}")

    def _emptied(self, name: str) -> Path:
        output = self._folder / name
        shutil.rmtree(output, ignore_errors=True)
        return output
