"""The sample film as a function of a frame number, with the truth behind every picture.

    scene = Scene(SceneOptions(seed=7, width=1280, height=720, frames=96, art="procedural"))
    truth = scene.render(0)

The same options give the same bytes, on the same machine with the same packages. No more is promised:
another OpenCV may round another way. Geometry lives in frame heights, so every size shows the same film.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from samples.arrays import F32, U8
from samples.cels import FrameSize, Stage
from samples.compose import EffectKind, compose, quantise, stack, straight
from samples.storyboard import Art, stage_for
from samples.timeline import Shot, first_seen, plan_shots
from trt_anime.errors import InputError

SMALLEST, LARGEST = 16, 8192


@dataclass(frozen=True)
class SceneOptions:
    """What film to draw. `art`: "procedural" draws its figures, "sprites" fetches real ones when needed."""

    seed: int = 7
    width: int = 1280
    height: int = 720
    frames: int = 96
    art: Art = "procedural"

    def __post_init__(self) -> None:
        if not (SMALLEST <= self.width <= LARGEST and SMALLEST <= self.height <= LARGEST):
            raise InputError(
                f"{self.width}x{self.height} can't be drawn: take {SMALLEST} to {LARGEST} pixels a side"
            )
        if self.frames < 1 or self.seed < 0:
            raise InputError(
                f"frames={self.frames}, seed={self.seed}: give at least 1 frame and a seed from 0 on"
            )
        if self.art not in ("procedural", "sprites"):
            raise InputError(f"no art named {self.art!r}: take 'procedural' or 'sprites'")


@dataclass(frozen=True)
class GroundTruth:
    """One frame and its layers. All arrays are read-only, RGB, display-referred.

    frame: uint8 [H, W, 3], what is seen: compose(plate, alpha, foreground, effect, effect_kind), rounded.
    alpha: float32 [H, W] 0..1, all characters merged.
    foreground: float32 [H, W, 3] 0..1, straight character colour; 0 where alpha is 0.
    instance: uint8 [H, W], the frontmost character whose own alpha is at least 0.5; 0: none. The same
        number is the same person in every shot.
    plate: uint8 [H, W, 3], the clean background, without characters or effect.
    effect: float32 [H, W, 4] 0..1. Kind "over": premultiplied RGBA, laid over. Kind "additive": RGB is
        added light, A = max(R, G, B) shows where and takes no part in the sum. Zero where there is none.
    """

    index: int
    frame: U8
    alpha: F32
    foreground: F32
    instance: U8
    plate: U8
    effect: F32
    effect_kind: EffectKind


class Scene:
    """The film. Drawing is lazy; repeats of a drawing cost nothing while it is the last one drawn."""

    fps = Fraction(24)

    def __init__(self, options: SceneOptions) -> None:
        self.options = options
        self.size = FrameSize(options.width, options.height)
        self.shots: tuple[Shot, ...] = plan_shots(options.frames)
        self._stage = lru_cache(maxsize=3)(self._build)
        self._original = lru_cache(maxsize=1)(self._draw)
        self.held: tuple[int, ...] = first_seen(self._key(index) for index in range(options.frames))
        """For each frame the first frame that is exactly the same picture: itself, or an earlier one."""

    @property
    def frame_count(self) -> int:
        return self.options.frames

    def shot_at(self, index: int) -> int:
        """The number of the shot that frame `index` belongs to."""
        if not 0 <= index < self.frame_count:
            raise InputError(f"no frame {index}: the film has frames 0 to {self.frame_count - 1}")
        return next(number for number, shot in enumerate(self.shots) if index <= shot.last)

    def render(self, index: int) -> GroundTruth:
        """Draw frame `index`. Repeats share the arrays of the frame that they repeat."""
        original = self._original(self.held[index] if 0 <= index < self.frame_count else index)
        return replace(original, index=index)

    def _build(self, number: int) -> Stage:
        return stage_for(self.options.art, self.shots[number], number, self.size, self.options.seed)

    def _key(self, index: int) -> tuple[int, ...]:
        number = self.shot_at(index)
        return (number, *self._stage(number).drawings(index - self.shots[number].first))

    def _draw(self, index: int) -> GroundTruth:
        number = self.shot_at(index)
        stage = self._stage(number)
        drawings = stage.drawings(index - self.shots[number].first)
        plate = stage.backdrop.draw(drawings[0])
        layers = [(a.identity, a.draw(d)) for a, d in zip(stage.actors, drawings[1:-1], strict=True)]
        merged, instance = stack(layers, width=self.size.width, height=self.size.height)
        foreground, alpha = straight(merged)
        effect = stage.effect.draw(drawings[-1])
        kind = stage.effect.kind
        frame = quantise(compose(plate, alpha, foreground, effect, kind))
        for array in (frame, alpha, foreground, instance, plate, effect):
            array.setflags(write=False)
        return GroundTruth(index, frame, alpha, foreground, instance, plate, effect, kind)
