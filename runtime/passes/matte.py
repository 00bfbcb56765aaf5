"""Stage 2a's network over all frames, through the pipeline, into the folder where other passes read it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from trt_anime.runtime.ledger.segments import FILE_NAME as LEDGER
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.results import places


def matte(context: Context, advance: Callable[[int], None]) -> list[dict[str, Any]]:
    """Write the matte of every frame; goes on where an earlier run stopped.

    Args:
        advance: called with the number of frames just written.

    Returns:
        The networks that ran, as `run.json` has them.

    Raises what `process_clip` raises.
    """
    output = context.folder / places.WORK / "2a"
    options = replace(
        context.options,
        output=output,
        stages=("2a",),
        format="png",
        overwrite=False,
        resume=(output / LEDGER).exists(),
    )
    model = context.choices.characters.model

    @contextmanager
    def track(total: int | None) -> Iterator[Callable[[int], None]]:
        yield advance

    record = process_clip(
        options,
        graph=lambda stage: context.networks.files(model).graphs["matte"],
        notify=context.notify,
        track=track,
        recorder=context.networks.recorder,
    )
    context.networks.note_device(record.device)
    return [
        {
            "stage": "2a",
            "model": model,
            "graph": "matte",
            "origin": stage.origin,
            "runs": stage.runs,
            "run_s": stage.run_s,
            "at_once": stage.parallel_runs,
        }
        for stage in record.stages
    ]
