"""What happens in each shot: who stands where, what moves, on ones, twos or threes.

enter   the camera pans on ones; one character slides in with motion blur, then acts on twos.
pair    still background; two characters overlap, on threes and twos; petals drift in front; all ends still.
spell   everything on twos; a glowing circle is added in front of a character against a dark background.
"""

from typing import Literal

import numpy as np

from samples import drawn_stages, sprite_stages
from samples.cels import FrameSize, Stage
from samples.timeline import Shot

Art = Literal["procedural", "sprites"]
STAGES = {"procedural": drawn_stages.STAGES, "sprites": sprite_stages.STAGES}


def stage_for(art: Art, shot: Shot, number: int, size: FrameSize, seed: int) -> Stage:
    """The parts of shot `number`; the same arguments give the same drawings."""
    rng = np.random.default_rng([seed, number])
    return STAGES[art][shot.name](size, shot.frame_count, rng)
