"""RGBA frames to a numbered PNG sequence."""

from pathlib import Path

import fpng_py

from trt_anime.errors import OutputError
from trt_anime.files import output_error
from trt_anime.runtime.media.frames import Frame, Pixels

PATTERN = "frame_*.png"


class PngSequence:
    """`frame_000000.png` and on, named by the frame's index.

    Each file is whole or absent, also when the process is killed. Not promised: that the last
    files survive a power cut (they are not synced one by one, that would cost more than encoding).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.notices: list[str] = []

    @property
    def output(self) -> Path:
        return self._folder

    def write(self, frame: Frame, rgba: Pixels) -> None:
        """`rgba`: uint8 [height, width, 4], straight alpha, contiguous. Raises OutputError."""
        height, width, _ = rgba.shape
        data = fpng_py.fpng_encode_image_to_memory(rgba, width, height, 4)  # pyright: ignore[reportAttributeAccessIssue]
        path = self._folder / f"frame_{frame.index:06d}.png"
        temporary = self._folder / f".{path.name}.partial"
        if not data:
            raise OutputError(f"{path}: {width}x{height} can't be encoded as PNG; choose another format")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise output_error(path, error) from error

    def close(self, complete: bool) -> None:
        """Nothing to do: every frame is a file of its own."""
