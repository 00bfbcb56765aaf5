"""One picture to look at first: source, matte, character on a checkerboard and on green.

python -m samples.contact_sheet CLIP OUT [-o SHEET.png]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.arrays import U8
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.media.reader import open_source

CELL_WIDTH = 480
GREEN = (0, 177, 64)
TITLES = ("source", "matte", "on checkerboard", "on green")
TITLE_HEIGHT = 28


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path, help="folder that `trt-anime process` wrote")
    parser.add_argument("-o", "--output", type=Path, help="picture  [default: OUT/contact_sheet.png]")
    parser.add_argument("--rows", type=int, default=5)
    options = parser.parse_args()
    sheet = contact_sheet(options.clip, options.out, rows=options.rows)
    path: Path = options.output or options.out / "contact_sheet.png"
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise OutputError(f"{path}: can't be written; choose another folder")
    print(path)


def contact_sheet(clip: Path, out: Path, *, rows: int) -> U8:
    """uint8 [H,W,3] RGB: `rows` frames spread over the clip, each in the four views of `TITLES`."""
    layers = sorted((out / "stage2a_character_refine").glob("frame_*.png"))
    if not layers:
        raise InputError(f"{out}: holds no character frames; run `trt-anime process --format png` first")
    wanted = {int(i) for i in np.linspace(0, len(layers) - 1, rows + 2)[1:-1]}
    lines = []
    with open_source(clip) as source:
        for index, frame in enumerate(source):
            if index in wanted:
                lines.append(_line(frame.rgb, _rgba(layers[index])))
    return np.concatenate([_titles(lines[0].shape[1]), *lines])


def _line(source: U8, rgba: U8) -> U8:
    alpha = rgba[..., 3:]
    board = _checkerboard(rgba.shape)
    views = [source, np.repeat(alpha, 3, axis=2), _over(rgba, board), _over(rgba, GREEN)]
    height = round(CELL_WIDTH * source.shape[0] / source.shape[1])
    cells = [cv2.resize(view, (CELL_WIDTH, height), interpolation=cv2.INTER_AREA) for view in views]
    return np.concatenate(cells, axis=1).astype(np.uint8)


def _rgba(path: Path) -> U8:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InputError(f"{path}: can't be read; run `trt-anime process` again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)


def _over(rgba: U8, background: NDArray[np.uint8] | tuple[int, int, int]) -> U8:
    share = rgba[..., 3:] / np.float32(255)
    mixed = rgba[..., :3] * share + np.asarray(background) * (1 - share)
    return np.round(mixed).astype(np.uint8)


def _checkerboard(shape: tuple[int, ...], *, square: int = 24) -> U8:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] // square
    tone = np.where((x + y) % 2, 204, 255).astype(np.uint8)
    return np.repeat(tone[..., None], 3, axis=2)


def _titles(width: int) -> U8:
    bar = np.full((TITLE_HEIGHT, width, 3), 32, np.uint8)
    for number, title in enumerate(TITLES):
        place = (number * CELL_WIDTH + 8, TITLE_HEIGHT - 9)
        cv2.putText(bar, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    return bar


if __name__ == "__main__":
    main()
