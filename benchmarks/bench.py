"""Our speed against everybody's, in one table: `make bench`.

    python -m benchmarks.bench [--write]

Every comparison checks first that both ways gave the same, then lets them take turns and takes ratios
within a round. What was measured last on a machine of the same class is compared with it. A quarter of an
hour on 2 cores that do nothing else, after a first run that fetches and exports; `--quick` takes seconds
and says only that all of it works.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import machine, past, records
from benchmarks.bench_report import Bench, Left, pairs_of
from benchmarks.footage import make_footage
from benchmarks.pairs import Pair, table
from benchmarks.rembg_report import QUIET
from benchmarks.sequential import HOME
from benchmarks.sequential import NAMES as STAGES
from trt_anime import __version__
from trt_anime.errors import DownloadError, MissingError, TrtAnimeError

PACKAGES = ("trt-anime", "onnxruntime", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Effort:
    """How much of it: the usual amount, or just enough to see that it works."""

    frames: int
    rounds: int
    height: int
    stages: tuple[str, ...]
    repeats: int


# Six frames: the network with a memory remembers the first and then every fifth.
FULL = Effort(frames=6, rounds=3, height=720, stages=STAGES, repeats=300)
QUICK = Effort(frames=2, rounds=2, height=180, stages=(), repeats=5)


@dataclass
class Measuring:
    """What the parts of a run share and leave."""

    effort: Effort
    threads: int
    home: Path
    bench: Bench = field(default_factory=Bench)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    writes = records.is_to_be_kept(given, parser)
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    run = Measuring(QUICK if given.quick else FULL, given.threads, given.home.resolve())
    parts = QUICK_PARTS if given.quick else PARTS
    if unknown := [name for name in given.parts if name not in parts]:
        print(f"error: {unknown[0]}: no such part; it is one of {', '.join(parts)}")
        return 2
    try:
        for name in given.parts or parts:
            _measure(name, parts, run)
        run.bench.facts = _facts(given, load)
        now = _then(run.bench)
        before = past.latest(now.machine)
        print("\n" + table(pairs_of(run.bench)))
        if before is not None and not given.quick:
            print(f"\n{past.changes(before, now)}")
        if writes:
            _write(run.bench, now)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _measure(name: str, parts: "dict[str, Part]", run: Measuring) -> None:
    """Raises TrtAnimeError: not the same results, or a run failed; what isn't here is left out."""
    print(f"{name} ...", flush=True)
    try:
        for pair in parts[name](run):
            print(
                f"{pair.name}, {pair.other}: {pair.ratio.text(2)} times as fast; {pair.checked}", flush=True
            )
            run.bench.pairs.append(pair)
    except (MissingError, DownloadError) as error:
        print(f"{name}: left out: {error}")
        run.bench.left.append(Left(name, str(error)))


def _rembg(run: Measuring) -> Iterator[Pair]:
    from benchmarks.rembg_pairs import HEIGHTS, compared

    run.bench.rembg = compared(list(HEIGHTS), run.effort.frames, run.effort.rounds, run.threads)
    yield from ()  # its pairs are in what it found


def _sequential(run: Measuring) -> Iterator[Pair]:
    from benchmarks.sequential import sequential_pairs

    with _home(run.home):
        yield from sequential_pairs(
            stages=run.effort.stages,
            size=f"{run.effort.height}p",
            frames=run.effort.frames,
            rounds=run.effort.rounds,
            threads=run.threads,
        )


def _loop(run: Measuring) -> Iterator[Pair]:
    from trt_anime.export import graphs

    yield _loop_on(graphs.ensure("u2netp")["matte"], "u2netp", run)


def _quick_loop(run: Measuring) -> Iterator[Pair]:
    with _small() as graph:
        yield _loop_on(graph, "one convolution", run)


def _loop_on(graph: Path, model: str, run: Measuring) -> Pair:
    from benchmarks.peers import plain_loop

    effort = run.effort
    with tempfile.TemporaryDirectory() as name:
        footage = make_footage(Path(name) / "in", frames=effort.frames, height=effort.height)
        title = f"{effort.height}p, character layer by {model}, PNG in and out"
        return plain_loop(graph, footage, Path(name), name=title, rounds=effort.rounds, threads=run.threads)


def _runner(run: Measuring) -> Iterator[Pair]:
    import numpy as np

    from benchmarks.peers import runners

    frame = np.random.default_rng(5).integers(0, 256, (180, 320, 3), np.uint8)
    with _small() as graph:
        yield runners(
            graph,
            frame,
            name="a session's overhead: one convolution, 320x180, one thread",
            rounds=run.effort.rounds,
            repeats=run.effort.repeats,
        )


def _writer(run: Measuring) -> Iterator[Pair]:
    from benchmarks.peers import writers

    effort = run.effort
    height = 1080 if effort is FULL else effort.height
    size = height, height * 16 // 9
    yield writers(size=size, rounds=effort.rounds, repeats=effort.repeats // 50 or 1)


Part = Callable[[Measuring], Iterator[Pair]]

PARTS: dict[str, Part] = {
    "rembg": _rembg,
    "sequential": _sequential,
    "onnxruntime": _loop,
    "polygraphy": _runner,
    "writer": _writer,
}
# Without weights, a registry or PyTorch.
QUICK_PARTS: dict[str, Part] = {"onnxruntime": _quick_loop, "polygraphy": _runner, "writer": _writer}


def _facts(given: argparse.Namespace, load: machine.OtherLoad) -> dict[str, object]:
    return {
        "release": __version__,
        "date": machine.now(),
        "command": " ".join(["python -m benchmarks.bench", *(["--quick"] if given.quick else [])]),
        "machine": machine.cpu(),
        "versions": machine.versions(PACKAGES),
        "threads": given.threads,
        "others": round(load.share(), 3),
    }


def _then(bench: Bench) -> past.Then:
    facts = bench.facts
    return past.then_of(
        pairs_of(bench),
        release=str(facts["release"]),
        machine=str(facts["machine"]),
        date=str(facts["date"]),
        quiet=float(str(facts["others"])) <= QUIET,
    )


def _write(bench: Bench, now: past.Then) -> None:
    print(f"\n{past.keep(now)}")
    records.keep("bench", asdict(bench))


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Random weights don't belong among those that people use."""
    before = os.environ.get("TRT_ANIME_HOME")
    os.environ["TRT_ANIME_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TRT_ANIME_HOME"]
        else:
            os.environ["TRT_ANIME_HOME"] = before


@contextmanager
def _small() -> Iterator[Path]:
    """A stage graph that takes no time."""
    from benchmarks.gpu.session import small_graph

    with tempfile.TemporaryDirectory() as name:
        yield small_graph(Path(name) / "small.onnx")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} [default: all]")
    parser.add_argument("--threads", type=int, default=2, help="cores that all may use [default: 2]")
    parser.add_argument("--home", type=Path, default=HOME, help="for weights and graphs of the chain")
    parser.add_argument("--quick", action="store_true", help="small, and without weights: does it work?")
    records.offer_writing(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
