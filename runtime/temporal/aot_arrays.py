"""AOT's graphs on NumPy arrays: ONNX Runtime's CPU provider, or anything that runs a graph by its names."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.temporal.aot import Decoded, Propagated, Referred

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], Arrays]  # all inputs by name -> all outputs by name

TAPS = ("stride4", "stride8", "stride16")  # of the encoder, that the decoder takes


class ArrayGraphs:
    """`AotGraphs` over one function a graph.

    Args:
        runs: under ``encode``, ``refer``, ``propagate``, ``decode``, ``memorise``; ``merge`` for several
            passes.
        memory: shape of `long`: slots, layers, tokens, channels.
        objects: that one pass follows.
        passes: that ``merge`` takes.
    """

    def __init__(
        self, runs: Mapping[str, Run], *, memory: tuple[int, int, int, int], objects: int, passes: int = 1
    ) -> None:
        self._runs, self._memory = runs, memory
        self.slots, self.objects, self.passes = memory[0], objects, passes

    def encode(self, frame: NDArray[np.uint8]) -> Arrays:
        return self._runs["encode"]({"frame": frame})

    def refer(
        self, features: Arrays, drawn: NDArray[np.uint8], labels: NDArray[np.uint8] | None, first: int
    ) -> Referred:
        before = np.zeros_like(drawn) if labels is None else labels
        inputs = {
            "embedding": features["embedding"],
            "drawn": drawn,
            "labels": before,
            "first": _number(first),
        }
        outputs = self._runs["refer"](inputs)
        return Referred(outputs["decoder_input"], outputs["memory"], outputs["merged"])

    def propagate(
        self, features: Arrays, long: NDArray[np.float32], valid: Sequence[bool], short: NDArray[np.float32]
    ) -> Propagated:
        there = np.array(valid, np.float32)
        inputs: Arrays = {"embedding": features["embedding"], "long": long, "valid": there, "short": short}
        outputs = self._runs["propagate"](inputs)
        return Propagated(outputs["decoder_input"], outputs["pending"])

    def decode(self, features: Arrays, decoder_input: NDArray[np.float32], count: int) -> Decoded:
        inputs: Arrays = {"decoder_input": decoder_input, "count": _number(count)}
        inputs |= {name: features[name] for name in TAPS}
        return _decoded(self._runs["decode"](inputs))

    def memorise(
        self, pending: NDArray[np.float32], labels: NDArray[np.uint8], first: int
    ) -> NDArray[np.float32]:
        inputs: Arrays = {"pending": pending, "labels": labels, "first": _number(first)}
        return self._runs["memorise"](inputs)["memory"]

    def merge(self, passes: Sequence[Decoded]) -> Decoded:
        active = np.array([index < len(passes) for index in range(self.passes)], np.float32)
        inputs: Arrays = {"active": active}
        for index in range(self.passes):  # in the place of a pass that isn't there, any numbers will do
            inputs[f"probabilities_{index}"] = passes[min(index, len(passes) - 1)].probabilities
        return _decoded(self._runs["merge"](inputs))

    def new_memory(self) -> NDArray[np.float32]:
        return np.zeros(self._memory, np.float32)

    def store(self, long: NDArray[np.float32], slot: int, memory: NDArray[np.float32]) -> None:
        long[slot] = memory


def graphs_from_onnx(
    files: Mapping[str, Path | bytes], *, objects: int = 10, threads: int = 1
) -> ArrayGraphs:
    """Exported graphs, files or their bytes, on ONNX Runtime's CPU provider.

    Args:
        objects: that they were made for, per pass.
        threads: of each run.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = {
        name: ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for name, file in files.items()
    }
    shapes = {entry.name: entry.shape for entry in sessions["propagate"].get_inputs()}
    passes = len(sessions["merge"].get_inputs()) - 1 if "merge" in sessions else 1
    runs = {name: _run(session) for name, session in sessions.items()}
    slots, layers, tokens, channels = shapes["long"]
    return ArrayGraphs(runs, memory=(slots, layers, tokens, channels), objects=objects, passes=passes)


def _run(session: Any) -> Run:
    names = [entry.name for entry in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def _number(value: int) -> NDArray[np.float32]:
    return np.array([value], np.float32)


def _decoded(outputs: Arrays) -> Decoded:
    return Decoded(outputs["probabilities"], outputs["labels"])
