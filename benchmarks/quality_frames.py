"""The frames on which mattes are measured, with their truth."""

from dataclasses import dataclass

from samples.scene import GroundTruth, Scene, SceneOptions
from samples.storyboard import Art

ARTS: tuple[Art, ...] = ("sprites", "procedural")
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
SEED = 7
FRAMES = 96


@dataclass(frozen=True)
class Case:
    """One film at one size."""

    art: Art
    size: str

    def scene(self) -> Scene:
        width, height = SIZES[self.size]
        return Scene(SceneOptions(seed=SEED, width=width, height=height, frames=FRAMES, art=self.art))

    def truths(self, per_shot: int) -> list[GroundTruth]:
        """`per_shot` frames of every shot, evenly spread, those without a character left out."""
        scene = self.scene()
        indices = [
            shot.first + (2 * number + 1) * shot.frame_count // (2 * per_shot)
            for shot in scene.shots
            for number in range(per_shot)
        ]
        return [truth for truth in map(scene.render, indices) if truth.alpha.max() > 0]

    def sequence(self, count: int) -> list[GroundTruth]:
        """`count` consecutive frames around the middle of the second shot, where two characters move."""
        scene = self.scene()
        shot = scene.shots[1]
        start = shot.first + (shot.frame_count - count) // 2
        return [scene.render(index) for index in range(start, start + count)]
