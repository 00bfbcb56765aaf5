"""The background as a frame shows it, for who needs it: from stage 2c's plates on the disk."""

import numpy as np

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.plates.files import pieces_in, read_plate
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.results import places
from trt_anime.runtime.results.planes import read_rgba
from trt_anime.runtime.results.shots import Shot


class Backgrounds:
    """A shot's plates; nothing where stage 2c has not run."""

    def __init__(self, context: Context, shot: Shot) -> None:
        """Raises InputError: a file is damaged."""
        self._folder = folder = context.folder / places.PLATES
        self._plates: dict[int, Plate] = {}
        for piece in range(1, pieces_in(folder, shot.number) + 1):
            plate = read_plate(folder, shot.number, piece)
            self._plates |= {index: plate for index in plate.motions.frames}

    def __bool__(self) -> bool:
        return bool(self._plates)

    def of(self, fresh: int) -> Pixels | None:
        """uint8 [H,W,3]: the background of a fresh frame; None without a plate. Raises InputError."""
        file = self._folder / places.frame_name(fresh)
        if file.exists():
            return np.ascontiguousarray(read_rgba(file)[..., :3])
        return self.shared(fresh)

    def invented(self, fresh: int) -> Pixels | None:
        """uint8 [H,W]: 255 where no frame shows what the background is there; None without a plate."""
        plate = self._plates.get(fresh)
        return None if plate is None else plate.holes(fresh)

    def shared(self, fresh: int) -> Pixels | None:
        """The same by the shot's plate alone, without what differs from it in this frame."""
        plate = self._plates.get(fresh)
        return None if plate is None else plate.view(fresh)
