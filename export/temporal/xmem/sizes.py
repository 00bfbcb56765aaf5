"""One clip size and one size of the memory: every shape in XMem's graphs follows from it."""

from dataclasses import dataclass

from trt_anime.errors import InputError

STRIDE = 16  # of the key encoder: a memory cell stands for that many pixels a side
SMALLEST = 2 * STRIDE


@dataclass(frozen=True, kw_only=True)
class MemoryProfile:
    """Sizes of frames and memory.

    The memory's cells are rows: first the working memory's frames, then the long-term memory, so that what
    a clip has filled so far are the first rows. Defaults are the published ones.

    Attributes:
        height, width: of the frames, in pixels.
        short_side: larger frames are shown to the network with their short side brought to it; None: as
            they are.
        top_k: how many cells answer for a position.
        work_frames: most frames in the working memory.
        long_cells: most cells in the long-term memory; 0: there is none.
        prototypes: cells that a consolidation adds to it.
    """

    height: int
    width: int
    short_side: int | None = 480
    top_k: int = 30
    work_frames: int = 10
    long_cells: int = 10_000
    prototypes: int = 128

    def __post_init__(self) -> None:
        """Raises InputError: sizes that no memory can have."""
        if min(self.network_size) < SMALLEST or self.top_k < 1 or self.work_frames < 2:
            raise InputError(
                f"XMem: frames of {self.width}x{self.height} with {self.work_frames} frames of memory, top"
                f" {self.top_k}: needs {SMALLEST} pixels a side, 2 frames and top 1 at least; raise them"
            )
        if self.long_cells and not 0 < self.prototypes <= self.long_cells:
            raise InputError(
                f"XMem: {self.prototypes} prototypes don't fit a long-term memory of {self.long_cells}"
                " cells; lower the one or raise the other"
            )

    @property
    def network_size(self) -> tuple[int, int]:
        """(height, width) that the network sees, without padding."""
        shortest = min(self.height, self.width)
        if self.short_side is None or shortest <= self.short_side:
            return self.height, self.width
        return (
            round(self.height * self.short_side / shortest),
            round(self.width * self.short_side / shortest),
        )

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right): zeros around it, up to whole cells, the odd one at the end."""
        missing = tuple(-length % STRIDE for length in self.network_size)
        top, left = (length // 2 for length in missing)
        return top, left, missing[0] - top, missing[1] - left

    @property
    def padded_size(self) -> tuple[int, int]:
        """(height, width) with the margins."""
        (height, width), (top, left, bottom, right) = self.network_size, self.margins
        return height + top + bottom, width + left + right

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) in cells."""
        height, width = self.padded_size
        return height // STRIDE, width // STRIDE

    @property
    def cells(self) -> int:
        """Cells of one frame."""
        height, width = self.grid
        return height * width

    @property
    def work_cells(self) -> int:
        return self.work_frames * self.cells

    @property
    def capacity(self) -> int:
        """All cells there can be."""
        return self.long_cells + self.work_cells

    def describe(self) -> str:
        """The size rule in words, for people."""
        scaled = "as it is" if self.short_side is None else f"short side at most {self.short_side}"
        return f"{scaled}, padded with zeros to multiples of {STRIDE}"
