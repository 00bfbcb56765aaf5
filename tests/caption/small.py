"""Captioning networks of the published structure, small enough for a test."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.export.caption.compose import caption_graphs
from trt_anime.export.caption.graph import Precision
from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.caption.synthetic import synthetic_checkpoint
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.catalogue import Model, get
from trt_anime.export.recipes.caption import Captioning, Decoder, QFormer, Vision
from trt_anime.runtime.captions.language import DeviceLanguage
from trt_anime.runtime.captions.options import Caption, SearchOptions
from trt_anime.runtime.captions.search import captions_of
from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

WEIGHTS = "weights"

_VISION = Vision(side=28, patch=14, width=32, hidden=48, layers=2, heads=4, norm_eps=1e-6)
_DECODER = Decoder(
    vocabulary=61,
    positions=64,
    width=40,
    hidden=56,
    layers=2,
    heads=4,
    norm_eps=1e-5,
    start=2,
    stop=(7,),
    pad=1,
)
_QFORMER = QFormer(queries=4, width=24, hidden=32, layers=3, heads=3, norm_eps=1e-12, cross_every=2)

RECIPES = {
    "blip2-opt-2.7b": Captioning(vision=_VISION, qformer=_QFORMER, decoder=_DECODER, prompt=4, capacity=28),
    "blip-base": Captioning(
        vision=replace(_VISION, side=48, patch=16, norm_eps=1e-5),
        qformer=None,
        decoder=replace(_DECODER, norm_eps=1e-12, width=24),
        prompt=4,
        capacity=28,
    ),
}
NAMES = tuple(RECIPES)


def row(name: str, recipe: Captioning | None = None) -> Model:
    """The catalogue's row with a small recipe."""
    return replace(get(name), recipe=recipe or RECIPES[name])


def checkpoint(
    name: str, folder: Path, *, seed: int = 7, dtype: str = "float16", recipe: Captioning | None = None
) -> Checkpoint:
    """Written in the published layout, opened."""
    small = row(name, recipe)
    path = folder / small.files[0].filename
    synthetic_checkpoint(small, path, seed=seed, dtype=dtype)
    return Checkpoint(path, name)


def graphs_in(
    folder: Path,
    name: str,
    weights: Checkpoint,
    *,
    precision: Precision = "fp32",
    recipe: Captioning | None = None,
) -> dict[str, onnx.ModelProto]:
    """The three graphs and their weights, on disk as they are kept."""
    file = WeightFile(weights, WEIGHTS, matrices=weights.dtype)
    graphs = caption_graphs(
        recipe or RECIPES[name],
        file,
        model=name,
        checkpoint_sha256="0" * 64,
        licence="",
        precision=precision,
    )
    file.write(folder)
    for stage, graph in graphs.items():
        onnx.save(graph, folder / f"{stage}.onnx")
    return graphs


class Captioner:
    """The graphs in a folder, on the CPU device that checks the order of its work."""

    def __init__(self, folder: Path, device: HostDevice, stack: ExitStack, *, pictures: int) -> None:
        sessions = {}
        for stage in ("vision", "prefill", "step"):
            session = OrtCpuSession(folder / f"{stage}.onnx", device, threads=1, name=stage)
            sessions[stage] = stack.enter_context(session)
        self._device, self._stream = device, device.stream(name="caption")
        self._vision = sessions["vision"]
        self.language = stack.enter_context(
            DeviceLanguage(
                sessions["prefill"],
                sessions["step"],
                device,
                pictures=pictures,
                stream=self._stream,
            )
        )

    def captions(
        self, frames: NDArray[np.uint8], prompts: list[list[int]], options: SearchOptions
    ) -> list[Caption]:
        self.language.ask(self.prefix(frames), prompts)
        return captions_of(self.language, options)

    def prefix(self, frames: NDArray[np.uint8]) -> Tensor:
        shape = self._vision.shapes({"frame": frames.shape})["prefix"]
        prefix = self.tensor("prefix", shape, np.dtype(np.float32))
        self._vision.enqueue(
            {"frame": self.uploaded("frame", frames), "prefix": prefix}, stream=self._stream, scratch=None
        )
        return prefix

    def uploaded(self, name: str, values: NDArray[Any]) -> Tensor:
        pinned = Tensor(
            self._device.allocate_pinned(values.nbytes, name=f"pinned {name}"), values.shape, values.dtype
        )
        with self._device.writing(pinned) as array:
            array[...] = values
        target = self.tensor(name, values.shape, values.dtype)
        self._device.copy(target, pinned, stream=self._stream)
        return target

    def tensor(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Tensor:
        size_bytes = int(np.prod(shape)) * dtype.itemsize
        return Tensor(self._device.allocate(size_bytes, name=name), shape, dtype)


@contextmanager
def captioner(folder: Path, *, pictures: int = 2) -> Iterator[Captioner]:
    with HostDevice() as device, ExitStack() as stack:
        yield Captioner(folder, device, stack, pictures=pictures)


def frames_of(recipe: Captioning, count: int = 2, seed: int = 0) -> NDArray[np.uint8]:
    """At the network's own size: nothing is left to the resize."""
    side = recipe.vision.side
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
