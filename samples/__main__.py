"""python -m samples: draw the sample film, and its ground truth if wanted."""

import argparse
import re
import sys
from pathlib import Path

from samples.film import FilmOptions, write_film
from samples.scene import Scene, SceneOptions
from samples.truth import TruthWriter
from trt_anime.errors import InputError, TrtAnimeError

ARTISTS = (
    "Sprites: Deji, derik (Sylvie), Piroshki (Eileen), Mugenjohncel (Lucy). "
    "Backgrounds: Mugenjohncel, DaFool. "
    "(c) 2004-2022 Tom Rothamel and contributors to Ren'Py, Expat licence. See samples/README.md."
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        width, height = _size(given.size)
        scene = Scene(SceneOptions(given.seed, width, height, given.frames, given.art))
        tags = [
            ("title", "trt-anime sample"),
            *([("copyright", ARTISTS)] if given.art == "sprites" else []),
        ]
        options = FilmOptions(
            crf=given.crf, preset=given.preset, sound=not given.no_sound, metadata=tuple(tags)
        )
        if given.truth is None:
            write_film(scene, given.output, options)
        else:
            writer = TruthWriter(given.truth, scene)
            write_film(scene, given.output, options, seen=writer.write)
            writer.finish()
    except TrtAnimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{given.output}: {scene.frame_count} frames, {given.output.stat().st_size:,} bytes")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the clip to write, .mp4")
    parser.add_argument("--art", choices=("procedural", "sprites"), default="procedural")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", default="1280x720", help="WIDTHxHEIGHT, both even")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument(
        "--truth", type=Path, metavar="DIR", help="also write the ground truth, as PNG files"
    )
    parser.add_argument("--crf", type=float, default=17.0, help="x264 quality, smaller is better")
    parser.add_argument("--preset", default="slow", help="x264 preset")
    parser.add_argument("--no-sound", action="store_true", help="leave the sound track out")
    return parser


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise InputError(f"--size {text}: give WIDTHxHEIGHT, such as 1280x720")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
