"""What a stage graph reads, for calibration: a frame, and what the model's graphs before it made of it."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.calibration.parity.case import Array, Run
from trt_anime.errors import InputError
from trt_anime.stage import StageInfo

Pixels = NDArray[np.uint8]

# Of a standing figure, in shares of the frame's height: (centre, radius across, radius along).
_FIGURE = ((0.25, 0.12, 0.15), (0.7, 0.2, 0.45))
_SURE = 0.5  # of a segment: the published threshold
_FEWEST_TOKENS = 2  # numbers below are often those of padding and of ends


@dataclass(frozen=True, eq=False)
class Reading:
    """A stage graph that is to be fed, after those of its model that come before it.

    Attributes:
        earlier: the FP32 graphs before it, in order.
    """

    model: onnx.ModelProto
    info: StageInfo
    earlier: Sequence["Reading"]
    run: Run

    def inputs_for(self, frame: Pixels) -> dict[str, Array]:
        """Inputs for one frame, uint8 [1,H,W,3]; equal frames have equal ones.

        An input that is called like an output of an earlier graph is that output. Holes and boxes have the
        outline of a character whose place is drawn from the picture; token ids are drawn, too, and so is
        the state that a graph keeps from frame to frame: standard normal.

        Raises EngineError: ONNX Runtime fails on an earlier graph.
        """
        made: dict[str, Array] = {}
        for graph in self.earlier:
            made |= graph.run(_inputs(graph, frame, made))
        return _inputs(self, frame, made)


def figure_hole(frame: Pixels) -> Pixels:
    """uint8 [1,H,W]: 255 in a standing figure, 0 elsewhere; equal frames have equal holes."""
    height, width = frame.shape[1:3]
    place = np.random.default_rng(int(frame.sum(dtype=np.int64))).uniform(0.3, 0.7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = np.zeros((height, width), bool)
    for centre, across, along in _FIGURE:
        reach = ((x - place * width) / (across * height)) ** 2 + ((y / height - centre) / along) ** 2
        inside |= reach < 1
    return np.where(inside, 255, 0).astype(np.uint8)[None]


def figure_box(frame: Pixels) -> NDArray[np.float32]:
    """float32 [1,1,4]: left, top, right, bottom of `figure_hole`, in pixels."""
    rows, columns = (np.flatnonzero(figure_hole(frame)[0].any(axis)) for axis in (1, 0))
    return np.array([[[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]], np.float32)


# Input -> what it is for one frame.
_MADE: dict[str, Callable[[Pixels], Array]] = {
    "frame": lambda frame: frame,
    "hole": figure_hole,
    "boxes": figure_box,
    "size": lambda frame: np.array(frame.shape[1:3], np.int64),
    "threshold": lambda frame: np.full(1, _SURE, np.float32),
}
# Inputs that say what of the others counts: all of it.
_ONES = frozenset(("valid", "active", "count", "first"))
# The beam that each of a picture's goes on from: the first, where all begin.
_ZEROS = frozenset(("origin",))
_TEXT, _TEXT_LENGTH = "tokens", "length"


def _inputs(graph: Reading, frame: Pixels, made: Mapping[str, Array]) -> dict[str, Array]:
    return {value.name: _input(value, graph, frame, made) for value in graph.model.graph.input}


def _input(value: onnx.ValueInfoProto, graph: Reading, frame: Pixels, made: Mapping[str, Array]) -> Array:
    shape = _shape(value, graph.info)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    if value.name in _MADE:
        return _repeated(_MADE[value.name](_fitted(frame, graph)), shape)
    if value.name in made:
        return _for_each_beam(made[value.name], shape)
    if value.name in _ONES:
        return np.ones(shape, dtype)
    if value.name in _ZEROS:
        return np.zeros(shape, dtype)
    if value.name == _TEXT_LENGTH:
        return np.full(shape, _longest_text(graph.model), dtype)
    return _drawn(shape, dtype, seed=zlib.crc32(value.name.encode()) + int(frame.sum(dtype=np.int64)))


def _fitted(frame: Pixels, graph: Reading) -> Pixels:
    """In the size that the graph is for, where it is for one only."""
    for value in graph.model.graph.input:
        if value.name == "frame":
            height, width = (dim.dim_value for dim in value.type.tensor_type.shape.dim[1:3])
            if height and frame.shape[1:3] != (height, width):
                import cv2

                return np.asarray(cv2.resize(frame[0], (width, height)), np.uint8)[None]
    return frame


def _shape(value: onnx.ValueInfoProto, info: StageInfo) -> tuple[int, ...]:
    """With every free dimension as long as engines have it at most, or 1."""
    return tuple(
        dimension.dim_value or info.capacity.get(dimension.dim_param, 1)
        for dimension in value.type.tensor_type.shape.dim
    )


def _repeated(array: Array, shape: tuple[int, ...]) -> Array:
    """As often as the graph takes it: the one box stands for as many as there may be."""
    if array.ndim != len(shape):
        raise InputError(
            f"a graph wants {len(shape)} dimensions where there are {array.ndim}; export it again"
        )
    times = [want // have if have == 1 else 1 for have, want in zip(array.shape, shape, strict=True)]
    return np.tile(array, times)


def _for_each_beam(array: Array, shape: tuple[int, ...]) -> Array:
    """What is there once for a picture, as often as a graph that goes on with several beams takes it."""
    if array.ndim + 1 != len(shape):
        return array
    return np.repeat(array[:, None], shape[1], axis=1)


def _longest_text(model: onnx.ModelProto) -> int:
    """Tokens that a graph takes at most."""
    texts = (value for value in model.graph.input if value.name == _TEXT)
    return max((text.type.tensor_type.shape.dim[1].dim_value for text in texts), default=1)


def _drawn(shape: tuple[int, ...], dtype: Any, *, seed: int) -> Array:
    random = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    if dtype == np.bool_:
        return np.ones(shape, dtype)
    most = 2 if dtype == np.uint8 else 100  # labels of two objects; ids that every vocabulary has
    return random.integers(min(_FEWEST_TOKENS, most - 1), most + 1, shape).astype(dtype)
