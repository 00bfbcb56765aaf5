"""Two ways of computing a stage, on the same frames, one batch at a time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import inf

import numpy as np

from trt_anime.calibration.parity.budgets import NOT_FINITE, metric, require_precision
from trt_anime.calibration.parity.case import Array, Case, Run
from trt_anime.calibration.parity.histogram import Differences
from trt_anime.calibration.parity.measures import Totals, added
from trt_anime.calibration.parity.tasks import Task, has_truth, task_of
from trt_anime.errors import EngineError, InputError
from trt_anime.parity import Metric, Parity

Inputs = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Comparison:
    """`parity`, and the frame that differs most, of which `worst_picture` makes a picture."""

    parity: Parity
    task: Task
    worst: Case


def compare(
    reference_run: Run,
    candidate_run: Run,
    frames: Iterable[Inputs],
    *,
    stage: str,
    precision: str,
    reference_name: str,
    candidate_name: str,
    truth: Iterable[Array] | None = None,
    stop_token: int | None = None,
) -> Comparison:
    """Run both on every batch and measure how far the candidate is from the reference.

    Memory doesn't grow with the number of frames. How frames are batched changes nothing but the last
    digits. A value in the candidate that is NaN or infinite fails it, and is then all that is reported:
    one metric, ``not_finite``.

    Args:
        reference_run, candidate_run: a batch's inputs by name -> its outputs by name. What one returns
            must stay as it is until it is called again.
        frames: the inputs of one batch each; read once.
        stage: says which output is judged, and how, if it is of `TASKS`; else all are.
        precision: of the candidate: ``fp32``, ``fp16``, ``int8`` or ``fp8``; says what is allowed.
        reference_name, candidate_name: for the `Parity`, such as ``fp32 graph, onnxruntime 1.32.0 CPU``.
        truth: per batch what the stage should give; only ``matte``: alpha, floating [B,H,W], 0..1.
        stop_token: what ends a caption; only ``caption``.

    Raises:
        InputError: the precision is unknown, there are no frames or none that shows what the
            stage is for, or frames and truth don't fit.
        EngineError: the reference isn't finite, or the candidate lacks an output, or has another shape
            or type of it.
    """
    require_precision(precision)
    if truth is not None and not has_truth(stage):
        raise InputError(f"Stage `{stage}` is not compared with truth; leave it out.")
    tally: _Tally | None = None
    for inputs, exact in _with_truth(frames, truth):
        reference = reference_run(inputs)
        if tally is None:
            tally = _Tally(task_of(stage, reference), reference_name, candidate_name, stop_token)
        tally.add(inputs, reference, candidate_run(inputs), exact)
    if tally is None or tally.worst is None:
        raise InputError("There are no frames to compare on; pass at least one.")
    parity = Parity(
        reference=reference_name,
        candidate=candidate_name,
        frames=tally.frames,
        metrics=tally.metrics(stage, precision),
        tensors={name: differences.result() for name, differences in tally.tensors.items()},
        worst_frame=tally.worst.index,
    )
    return Comparison(parity, tally.task, tally.worst)


class _Tally:
    """What is known after some batches."""

    def __init__(
        self, task: Task, reference_name: str, candidate_name: str, stop_token: int | None
    ) -> None:
        self.frames = 0
        self.tensors: dict[str, Differences] = {}
        self.worst: Case | None = None
        self.task = task
        self._stop_token = stop_token
        self._reference_name, self._candidate_name = reference_name, candidate_name
        self._totals: Totals = {}
        self._badness = -inf
        self._not_finite: int | None = None  # None: no output can be

    def add(
        self,
        inputs: Inputs,
        reference: Mapping[str, Array],
        candidate: Mapping[str, Array],
        truth: Array | None,
    ) -> None:
        self._check(reference, candidate)
        for name in reference:
            self._count(name, reference[name], candidate[name])
        if self.task.whole:
            self._measure(Case(self.frames, dict(inputs), dict(reference), dict(candidate)))
            self.frames += 1
            return
        size = len(reference[self.task.output])
        if truth is not None and len(truth) != size:
            raise InputError(f"A batch has {size} frames, its truth {len(truth)}; pass one for each.")
        for row in range(size):
            self._measure(
                Case(
                    self.frames,
                    {name: _of_frame(array, row, size) for name, array in inputs.items()},
                    {name: array[row] for name, array in reference.items()},
                    {name: candidate[name][row] for name in reference},
                    None if truth is None else truth[row],
                    self._stop_token,
                )
            )
            self.frames += 1

    def metrics(self, stage: str, precision: str) -> tuple[Metric, ...]:
        finite = [] if self._not_finite is None else [(NOT_FINITE, float(self._not_finite))]
        measured = [] if self._not_finite else list(self.task.values(self._totals).items())
        return tuple(metric(name, value, stage, precision) for name, value in (*measured, *finite))

    def _check(self, reference: Mapping[str, Array], candidate: Mapping[str, Array]) -> None:
        if self.task.output not in reference:
            raise InputError(
                f"{self._reference_name}: has no output `{self.task.output}`, only"
                f" {', '.join(f'`{name}`' for name in reference)}; pass a graph of this stage."
            )
        for name, expected in reference.items():
            found = candidate.get(name)
            if found is None:
                raise EngineError(f"{self._candidate_name}: has no output `{name}`; build it again.")
            if found.shape != expected.shape or not _one_kind(found, expected):
                raise EngineError(
                    f"{self._candidate_name}: `{name}` is {found.dtype} {found.shape}, the reference's is"
                    f" {expected.dtype} {expected.shape}; build it again."
                )
            if _not_finite(expected):
                raise EngineError(
                    f"{self._reference_name}: `{name}` has values that are not finite, so nothing can be"
                    " compared with it; export the model again, or leave the frame out."
                )

    def _count(self, name: str, reference: Array, candidate: Array) -> None:
        if np.issubdtype(candidate.dtype, np.floating):
            self._not_finite = (self._not_finite or 0) + _not_finite(candidate)
        elif candidate.dtype not in (np.uint8, np.bool_):
            return  # labels and tokens: between ids there are no distances
        if name == self.task.output and self.task.view:
            reference, candidate = self.task.view(reference), self.task.view(candidate)
        self.tensors.setdefault(name, Differences(reference.dtype)).add(reference, candidate)

    def _measure(self, case: Case) -> None:
        badness = inf
        if not any(_not_finite(array) for array in case.candidate.values()):
            totals = self.task.totals(case)
            self._totals = added(self._totals, totals)
            badness = self.task.badness(totals)
        if badness > self._badness:
            self._badness, self.worst = badness, case.copied()


def _with_truth(
    frames: Iterable[Inputs], truth: Iterable[Array] | None
) -> Iterator[tuple[Inputs, Array | None]]:
    if truth is None:
        yield from ((inputs, None) for inputs in frames)
        return
    for inputs, exact in zip_longest(frames, truth):
        if inputs is None or exact is None:
            raise InputError("There are not as many batches of truth as of frames; pass one for each.")
        yield inputs, exact


def _of_frame(array: Array, row: int, size: int) -> Array:
    """What the batch shares, prompts for example, is given whole."""
    return array[row] if array.ndim and len(array) == size else array


def _one_kind(found: Array, expected: Array) -> bool:
    """FP16 may stand for FP32; nothing else may differ."""
    floating = all(np.issubdtype(array.dtype, np.floating) for array in (found, expected))
    return floating or found.dtype == expected.dtype


def _not_finite(array: Array) -> int:
    if not np.issubdtype(array.dtype, np.floating):
        return 0
    return int(array.size - np.count_nonzero(np.isfinite(array)))
