"""How good is the chain apart from its networks? The truth in their place, and what comes out against it.

    python -m benchmarks.chain_quality

Writes its record, docs/quality.md, docs/images/chain_*.jpg and what the README says of it; with
options, prints only.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import records
from benchmarks.chain_report import Film, document
from benchmarks.chain_scores import shot_scores
from benchmarks.hard_places import HardPlaces
from samples.film import FilmOptions, write_film
from samples.oracle import CHOICES, Oracle, no_files
from samples.scene import Scene, SceneOptions
from trt_anime.errors import TrtAnimeError
from trt_anime.files import write_bytes
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.plates.filling import Fill, fill_simple
from trt_anime.runtime.results.planes import read_rgba, write_frame
from trt_anime.runtime.results.reader import Results

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = "python -m benchmarks.chain_quality"
ARTS = ("procedural", "sprites")
KINDS = ("lossless", "h264")
STAGES = ("1", "2a", "2b", "2c", "3")
FILL = "migan"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    whole = given == _parser().parse_args([])
    try:
        content = _content(given, sheets=whole)
        print(document(content))
        if whole:
            records.keep("chain_quality", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _content(given: argparse.Namespace, *, sheets: bool) -> dict[str, Any]:
    width, height = (int(side) for side in given.size.split("x"))
    fill, filled_by = _fill()
    films = []
    for art in given.art:
        scene = Scene(SceneOptions(seed=7, width=width, height=height, frames=given.frames, art=art))
        for kind in given.clips:
            film, sheet, hard = _measured(scene, kind, fill)
            films.append(film)
            print(f"{art}, {kind} done", flush=True)
            if sheets:  # of the last kind they stay
                _write_picture(f"chain_quality_{art}.jpg", sheet)
                _write_picture(f"chain_hard_{art}.jpg", hard.sheet())
    return {
        **records.facts(COMMAND, ("trt-anime", "opencv-python-headless", "numpy")),
        "size": given.size,
        "frames": films[0].frames,
        "filled_by": filled_by,
        "films": [film.content() for film in films],
    }


def _measured(scene: Scene, kind: str, fill: Fill) -> tuple[Film, Pixels, HardPlaces]:
    """The film, its contact sheet, uint8 [h,w,3] RGB, and its hard places."""
    with tempfile.TemporaryDirectory() as folder:
        clip, output = _clip(scene, kind, Path(folder)), Path(folder) / "out"
        oracle = Oracle(scene, fill)
        options = ProcessOptions(input=clip, output=output, stages=STAGES, preset="fast")
        record = process_chain(options, CHOICES, files=no_files, tools=oracle.tools())
        seconds = {one.name: one.run_s for one in record.passes}
        hard = HardPlaces()
        scores = shot_scores(Results.open(output), oracle, also=hard.add)
        film = Film(scene.options.art, kind, record.frames, scores, seconds, hard.content())
        sheet = cv2.resize(
            read_rgba(output / "contact_sheet.png")[..., :3],
            None,
            fx=0.75,
            fy=0.75,
            interpolation=cv2.INTER_AREA,
        )
        return film, np.asarray(sheet, np.uint8), hard


def _clip(scene: Scene, kind: str, folder: Path) -> Path:
    """The film as a video, or as the pictures themselves."""
    if kind == "h264":
        write_film(scene, folder / "film.mp4", FilmOptions(preset="medium", sound=False))
        return folder / "film.mp4"
    for index in range(scene.frame_count):
        write_frame(folder / "film", [index], scene.render(index).frame)
    return folder / "film"


def _write_picture(name: str, picture: Pixels) -> None:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    write_bytes(DOCS / "images" / name, data.tobytes())


def _fill() -> tuple[Fill, str]:
    """MI-GAN where its weights can be had, else OpenCV; and which it is, in words."""
    import onnx

    from trt_anime.export import graphs
    from trt_anime.export.check import session_of

    try:
        session = session_of(onnx.load(graphs.ensure(FILL)["inpaint"]))
    except TrtAnimeError:
        return fill_simple, "OpenCV, as the weights of MI-GAN could not be had"

    def fill(picture: Pixels, hole: Pixels) -> Pixels:
        (plate,) = session.run(["plate"], {"frame": picture[None], "hole": hole[None]})
        painted: Pixels = np.asarray(plate, np.uint8)[0]
        return painted

    return fill, "MI-GAN with its real weights"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chain_quality", description=__doc__)
    parser.add_argument("--art", nargs="+", choices=ARTS, default=list(ARTS))
    parser.add_argument("--clips", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--size", default="1280x720", help="WIDTHxHEIGHT  [default: 1280x720]")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--no-docs", action="store_true", help="print only, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
