"""How many frames a batch and how many slots are worth it, and how busy the device is with each."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gpu.deadline import OutOfTime
from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.line import Frames, Layers, Line, Work
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.part_parity import as_function, example_frames
from benchmarks.gpu.part_precision import session_of
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.same import require_as_cpu, require_same
from benchmarks.tables import Spread
from trt_anime.errors import MissingError
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.stages import STAGES

if TYPE_CHECKING:
    from trt_anime.runtime.devices.api import Device
    from trt_anime.runtime.sessions.api import Session

BATCHES, DEPTHS = (1, 2, 4, 8), (2, 3, 4)
SIZE = 1080, 1920
ROUNDS, FRAMES = 3, 96


def steps(context: Context) -> list[Step]:
    """One for each batch size."""
    batches = BATCHES[:2] if context.rehearsal else BATCHES
    return [Step(f"batch {batch}", partial(_swept, context, batch), least_s=45) for batch in batches]


def row_of(batch: int, depth: int, runs: list[Work]) -> tuple[str, ...]:
    """As the table has it: medians over the runs, of the speed with its spread."""
    idle, overlap = (Spread.of([getattr(run, name) for run in runs]).median for name in ("idle", "overlap"))
    return (
        str(batch),
        str(depth),
        Spread.of([run.fps for run in runs]).text(1),
        f"{idle:.0%}",
        f"{overlap:.2f}",
    )


def _swept(context: Context, batch: int) -> Seen:
    """Raises EngineError: the device gives other layers than the CPU, or batches others than one frame."""
    from trt_anime.export import graphs

    graph = graphs.ensure(MODEL)["matte"]
    depths = DEPTHS[:2] if context.rehearsal else DEPTHS
    rounds = 1 if context.rehearsal else ROUNDS
    pictures = frames_of(context)
    rows: list[tuple[str, ...]] = []
    left: list[str] = []
    with context.opened() as device, session_of(graph, device) as session:
        expected, checked = _expected(graph, session, device, pictures)
        for depth in depths:
            if rows and not context.deadline.allows(20):
                left.append(f"{depth} slots")
                continue
            try:
                rows.append(
                    row_of(batch, depth, _runs(context, device, session, batch, depth, rounds, expected))
                )
            except MissingError as error:
                left.append(f"{depth} slots ({error})")
    if not rows:
        raise OutOfTime if context.deadline.left_s() < 1 else MissingError("; ".join(left))
    words = f"one frame at a time against the CPU: {checked}; batches give the same; {len(rows)} depths"
    return Seen(
        words + (f"; left out: {', '.join(left)}" if left else ""), (_table(batch, pictures, rows),)
    )


def frames_of(context: Context) -> list[Frames]:
    """Frames of the sample at the size that is swept, uint8 [1,H,W,3]."""
    import cv2

    small = example_frames(context, 4)
    if context.rehearsal:
        return small
    height, width = SIZE
    return [np.asarray(cv2.resize(frame[0], (width, height)), np.uint8)[None] for frame in small]


def _runs(
    context: Context,
    device: "Device",
    session: "Session",
    batch: int,
    depth: int,
    rounds: int,
    expected: list[Frames],
) -> list[Work]:
    pictures = frames_of(context)
    height, width = pictures[0].shape[1:3]
    count = (2 * depth) if context.rehearsal else max(2 * depth, FRAMES // batch)
    with Line(
        device, [Node(STAGES["2a"], session)], height=height, width=width, batch=batch, depth=depth
    ) as line:
        found: list[Frames] = []

        def take(layers: Layers) -> None:
            found.extend(row[None] for row in layers["character"])

        line.run(batches(pictures, batch, 2 * depth), take)  # this also warms up
        require_same(found, expected)
        return [line.run(batches(pictures, batch, count)) for _ in range(rounds)]


def batches(pictures: list[Frames], size: int, count: int) -> Iterator[Frames]:
    """`count` batches of the pictures in turn."""
    for number in range(count):
        yield np.concatenate([pictures[(number * size + row) % len(pictures)] for row in range(size)])


def _expected(
    graph: Path, session: "Session", device: "Device", pictures: list[Frames]
) -> tuple[list[Frames], str]:
    """The layer of each picture by itself, uint8 [1,H,W,4], and how near to the CPU's they are.

    Raises StepError: not near enough.
    """
    with as_function(session, device) as run:
        checked = require_as_cpu(graph, run, pictures, session.origin.provider)
        return [np.array(run({"frame": picture})["rgba"]) for picture in pictures], checked


def _table(batch: int, pictures: list[Frames], rows: list[tuple[str, ...]]) -> Table:
    height, width = pictures[0].shape[1:3]
    return Table(
        f"Slots for batches of {batch}",
        f"{MODEL}, {width}x{height}, from memory to memory, copies included. Idle: share of the time in"
        " which no stage ran; overlap: things under way at once, on average.",
        ("batch", "slots", "FPS", "idle", "overlap"),
        rows,
    )
