"""What of the network's canvas is picture, level by level: masks, positions and first guesses of boxes.

The network sees a canvas of one size; a frame of another shape lies in its top left corner, and the rest is
masked as the authors' code masks what pads a batch. All of it depends on the frame's size alone: in an
engine, which takes one size, these are constants.
"""

import math
from dataclasses import dataclass

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.geometry import integers, scalar

Size = tuple[int, int]

# Stands for infinity before a sigmoid, which is 1 from 17 on; in FP16, too, it is a number.
OUTSIDE = 1e4
_EDGE = 0.01  # guesses that lie closer to the picture's edge aren't made
_PATCH = 4


def level_sizes(canvas: Size, levels: int) -> list[Size]:
    """(height, width) of the feature maps: an eighth of the canvas, a sixteenth..., each rounded up."""
    sizes = []
    height, width = (-(-length // _PATCH) for length in canvas)
    for _ in range(levels):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


@dataclass(frozen=True)
class Tables:
    """For the S cells of all L levels, one level behind the other, row by row.

    Attributes:
        inside: float32 [1,S], 1 where the cell lies in the picture, else 0.
        position: float32 [1,S,D], the cell's place as sines and cosines.
        ratios: float32 [1,L,2], share of the width and of the height that is picture.
        references: float32 [1,S,L,2], x and y of the cell's centre in each level's map, 0..1.
        proposals: float32 [1,S,4], the first guess of a box, centre and size, before the sigmoid;
            `OUTSIDE` where none is made.
        usable: float32 [1,S], 1 where a guess is made, else 0.
    """

    inside: Var
    position: Var
    ratios: Var
    references: Var
    proposals: Var
    usable: Var


def tables(
    content: tuple[Var, Var], canvas: Size, *, levels: int, features: int, temperature: float
) -> Tables:
    """The tables for a picture of height and width `content`, int64 [1] each, on the `canvas`."""
    maps = [
        _Map(_Axis.of(content[0], canvas[0], height), _Axis.of(content[1], canvas[1], width))
        for height, width in level_sizes(canvas, levels)
    ]
    ratios = op.concat([one.ratio() for one in maps], axis=0)
    centres = [one.centres() for one in maps]
    guesses = [
        op.concat([centre, _constant(0.05 * 2.0**level, one.cells, 2)], axis=1)
        for level, (one, centre) in enumerate(zip(maps, centres, strict=True))
    ]
    inside = op.concat([one.inside() for one in maps], axis=0)
    proposals, usable = _proposals(op.concat(guesses, axis=0), inside)
    position = op.concat([one.position(features, temperature) for one in maps], axis=0)
    references = op.mul(op.unsqueeze(op.concat(centres, axis=0), integers(1)), ratios)
    first = integers(0)
    return Tables(
        inside=op.transpose(inside, perm=[1, 0]),
        position=op.unsqueeze(position, first),
        ratios=op.unsqueeze(ratios, first),
        references=op.unsqueeze(references, first),
        proposals=op.unsqueeze(proposals, first),
        usable=op.transpose(usable, perm=[1, 0]),
    )


@dataclass(frozen=True)
class _Axis:
    """One axis of one level: `length` cells, of which the first `count`, float32 [1], are picture."""

    length: int
    count: Var

    @classmethod
    def of(cls, content: Var, canvas: int, length: int) -> "_Axis":
        """A cell is picture where the nearest pixel is, as torch finds it."""
        scale = np.float32(canvas) / np.float32(length)
        nearest = np.minimum(np.floor(np.arange(length, dtype=np.float32) * scale), np.float32(canvas - 1))
        seen = op.less(op.const(nearest), op.cast(content, to=np.float32))
        return cls(length, op.reduce_sum(op.cast(seen, to=np.float32), integers(0)))

    def inside(self) -> Var:
        """float32 [length,1]: 1 where the cell is picture."""
        numbers = op.const(np.arange(self.length, dtype=np.float32))
        return op.unsqueeze(op.cast(op.less(numbers, self.count), to=np.float32), integers(1))

    def centres(self) -> Var:
        """float32 [length,1]: 0..1 within the picture."""
        middles = op.const(np.arange(self.length, dtype=np.float32)[:, None] + np.float32(0.5))
        return op.div(middles, self.count)

    def waves(self, features: int, temperature: float) -> Var:
        """float32 [length,features]: a sine and a cosine for each wave length, alternating."""
        order = op.const(np.arange(1, self.length + 1, dtype=np.float32)[:, None])
        share = op.div(op.min([order, self.count]), op.add(self.count, scalar(1e-6)))
        lengths = np.float32(temperature) ** (np.arange(0, features, 2, dtype=np.float32) / features)
        angles = op.div(op.mul(share, scalar(2 * math.pi)), op.const(lengths.astype(np.float32)))
        angles = op.unsqueeze(angles, integers(2))
        both = op.concat([op.sin(angles), op.cos(angles)], axis=2)
        return op.reshape(both, integers(self.length, features))


@dataclass(frozen=True)
class _Map:
    """The cells of one level."""

    rows: _Axis
    columns: _Axis

    @property
    def cells(self) -> int:
        return self.rows.length * self.columns.length

    def ratio(self) -> Var:
        """float32 [1,2]: of the width, of the height."""
        shares = [op.div(axis.count, scalar(axis.length)) for axis in (self.columns, self.rows)]
        return op.unsqueeze(op.concat(shares, axis=0), integers(0))

    def inside(self) -> Var:
        """float32 [cells,1]."""
        row, column = self._everywhere(self.rows.inside(), self.columns.inside(), 1)
        return op.mul(row, column)

    def centres(self) -> Var:
        """float32 [cells,2]: x, y."""
        row, column = self._everywhere(self.rows.centres(), self.columns.centres(), 1)
        return op.concat([column, row], axis=1)

    def position(self, features: int, temperature: float) -> Var:
        """float32 [cells,features]: of the row, then of the column."""
        half = features // 2
        waves = [axis.waves(half, temperature) for axis in (self.rows, self.columns)]
        return op.concat(list(self._everywhere(waves[0], waves[1], half)), axis=1)

    def _everywhere(self, rows: Var, columns: Var, width: int) -> tuple[Var, Var]:
        """Values [h,width] of the rows and [w,width] of the columns, for each cell [h*w,width]."""
        shape = integers(self.rows.length, self.columns.length, width)
        row = op.expand(op.unsqueeze(rows, integers(1)), shape)
        column = op.expand(op.unsqueeze(columns, integers(0)), shape)
        flat = integers(self.cells, width)
        return op.reshape(row, flat), op.reshape(column, flat)


def _proposals(guesses: Var, inside: Var) -> tuple[Var, Var]:
    """Guesses [S,4] as 0..1 and the mask [S,1] -> before the sigmoid, and 1 where the guess is made."""
    low, high = op.reduce_min(guesses, integers(1)), op.reduce_max(guesses, integers(1))
    between = op.and_(op.greater(low, scalar(_EDGE)), op.less(high, scalar(1 - _EDGE)))
    made = op.and_(between, op.greater(inside, scalar(0.5)))
    share = op.where(made, guesses, scalar(0.5))  # outside, there is no logarithm
    before = op.log(op.div(share, op.sub(scalar(1), share)))
    return op.where(made, before, scalar(OUTSIDE)), op.cast(made, to=np.float32)


def _constant(value: float, *shape: int) -> Var:
    return op.const(np.full(shape, value, np.float32))
