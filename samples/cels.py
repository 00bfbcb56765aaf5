"""What a shot is made of: each part knows its exposure and draws by drawing number alone."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from samples.arrays import F32, U8, Layer
from samples.compose import EffectKind
from samples.timeline import Exposure

STILL = Exposure(still_from=0)


@dataclass(frozen=True)
class FrameSize:
    width: int
    height: int

    @property
    def oversample(self) -> int:
        """Sheet pixels per frame pixel, each way: finer for small frames, where lines are thin."""
        return 4 if self.height <= 540 else 3 if self.height <= 1080 else 2


class Backdrop(Protocol):
    @property
    def exposure(self) -> Exposure: ...

    def draw(self, drawing: int) -> U8:
        """uint8 [H, W, 3] RGB, the clean plate."""
        ...


class Actor(Protocol):
    @property
    def exposure(self) -> Exposure: ...

    @property
    def identity(self) -> int:
        """1..255, the same person in every shot."""
        ...

    def draw(self, drawing: int) -> Layer: ...


class Effect(Protocol):
    @property
    def exposure(self) -> Exposure: ...

    @property
    def kind(self) -> EffectKind: ...

    def draw(self, drawing: int) -> F32:
        """float32 [H, W, 4] RGBA 0..1, see samples.compose."""
        ...


@dataclass(frozen=True)
class NoEffect:
    size: FrameSize
    kind: EffectKind = "additive"
    exposure: Exposure = STILL

    def draw(self, drawing: int) -> F32:
        return np.zeros((self.size.height, self.size.width, 4), np.float32)


@dataclass(frozen=True)
class Stage:
    """Everything in one shot. Actors stand back to front."""

    backdrop: Backdrop
    actors: tuple[Actor, ...]
    effect: Effect

    def drawings(self, frame: int) -> tuple[int, ...]:
        """The drawing number of each part at a frame of the shot: equal numbers, equal picture."""
        sheets = (self.backdrop.exposure, *(actor.exposure for actor in self.actors), self.effect.exposure)
        return tuple(sheet.drawing(frame) for sheet in sheets)
