"""What only a real GPU can prove, in parts of at most nine minutes: `make gpu-check`.

    python -m benchmarks.gpu_check [PART...] [--again] [--bundle DIR]

Each part leaves what it found in docs/measurements/<gpu>/ after every step, so the same command again does
what isn't done: for another driver, other versions or other code that is everything. The page
docs/measurements/<gpu>.md is made of it. On a machine without a GPU it says so, claims nothing and exits 0.

It starts with nothing but Python. A bundle of `make gpu-bundle` is installed into a folder of its own and
used; parts that need more than is here are skipped, and say what to install.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.findings import Finding, Found, Store
from benchmarks.gpu.home import take_home
from benchmarks.gpu.identity import Gpu, gpu_here, rehearsal
from benchmarks.gpu.parts import GRACE_S, PARTS, Part
from benchmarks.gpu.report import page, state
from benchmarks.gpu.running import Context, run_part
from benchmarks.machine import now
from trt_anime.errors import TrtAnimeError
from trt_anime.files import write_text

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "docs" / "measurements"
REHEARSALS = ROOT / "out" / "gpu-check"
BUNDLES = (ROOT / "out" / "gpu-bundle", ROOT / "gpu-bundle")
INSTALLED = ROOT / ".venv-gpu-check"
OWN_HOME = ROOT / "out" / "gpu-check-home"


@dataclass(frozen=True)
class Ending:
    """How a part's process ended.

    Attributes:
        words: empty where it ended well.
        stopped: from outside, because its time was over.
    """

    words: str = ""
    stopped: bool = False


Launch = Callable[[Part, Path, float], Ending]
# A step that is stopped although it had so much of the part's time hangs; one that had less may not.
_HANGS = 0.75


def main(arguments: list[str] | None = None, *, launch: Launch | None = None) -> int:
    """0, or 1 if a step failed, 130 if it was interrupted, or what an error of its own gives."""
    words = sys.argv[1:] if arguments is None else arguments
    given = _parser().parse_args(words)
    if unknown := [name for name in given.parts if name not in PARTS]:
        print(f"error: {unknown[0]}: no such part; it is one of {', '.join(PARTS)}")
        return 2
    if given.list:
        print("\n".join(f"{part.name:10} {part.what}" for part in PARTS.values()))
        return 0
    try:
        if given.child:
            return _child(given)
        if (bundle := _bundle(given)) is not None:
            return _from_bundle(bundle, words)
        gpu = rehearsal() if given.rehearse else gpu_here()
        if gpu is None:
            print(
                "No NVIDIA GPU answers on this machine: no GPU check was made, and none is claimed to pass."
            )
            return 0
        if launch is None:
            take_home(_home())
        reports = given.reports or (REHEARSALS if given.rehearse else REPORTS)
        return _check(gpu, reports, given, launch or partial(_launched, rehearse=given.rehearse))
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: what was found is kept; the same command goes on from there")
        return 130


def _home() -> Path:
    """Of the bundle that this runs from, or of this checkout; never the user's: weights may be random."""
    from benchmarks.bundle.installing import FROM_BUNDLE, HOME

    bundled = Path(os.environ.get(FROM_BUNDLE, "")) / HOME
    return bundled if FROM_BUNDLE in os.environ and bundled.is_dir() else OWN_HOME


def _check(gpu: Gpu, reports: Path, given: argparse.Namespace, launch: Launch) -> int:
    store, key = Store(reports / gpu.slug), gpu.key
    chosen = [PARTS[name] for name in given.parts or PARTS]
    failed = False
    for part in chosen:
        if given.rehearse and not part.rehearses:
            print(f"{part.name}: not in a rehearsal: it needs a GPU")
            continue
        finding = store.read_for(part.name, key)
        if finding.is_done and not given.again:
            print(f"{part.name}: is done already ({state(finding)}); --again does it anew", flush=True)
        else:
            print(f"{part.name} ...", flush=True)
            finding = ran(part, store, Finding(part.name, key) if given.again else finding, launch)
            _write_page(gpu, reports, store, key)
            _tell(finding)
        failed |= any(found.outcome == "failed" for found in finding.steps.values())
    print(_write_page(gpu, reports, store, key))
    return int(failed)


def ran(part: Part, store: Store, finding: Finding, launch: Launch) -> Finding:
    """The part's finding after its process has ended, however it did.

    A step that takes the process with it has failed, and those after it run in another process. One that is
    stopped has failed if it had nearly all of the part's time.
    """
    deadline = Deadline(part.limit_s)
    finding.again()
    while True:
        store.write(finding)
        ending = launch(part, store.folder, deadline.left_s())
        finding = store.read_for(part.name, finding.key)
        if not ending.words:
            return finding
        if ending.stopped and finding.running and finding.running_left_s < _HANGS * part.limit_s:
            return finding  # it is left, and comes first the next time
        culprit = finding.running or part.name
        if culprit == part.name:
            finding.plan([*finding.planned, part.name])
        finding.steps[culprit] = Found("failed", ending.words, measured=now())
        finding.running = ""
        store.write(finding)
        if culprit == part.name or not finding.left or not deadline.allows(1):
            return finding


def _launched(part: Part, folder: Path, seconds: float, *, rehearse: bool) -> Ending:
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--child", part.name]
    command += ["--reports", str(folder), "--seconds", f"{seconds:.0f}"]
    command += ["--rehearse"] if rehearse else []
    return ending_of(command, seconds + GRACE_S)


def ending_of(command: Sequence[str], seconds: float) -> Ending:
    """How a process ended; all that it started is gone then.

    Raises KeyboardInterrupt, with the process gone.
    """
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return Ending(f"did not end in time, and was stopped after {seconds:.0f} s", stopped=True)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code < 0:
        return Ending(f"ended the process (signal {-code})")
    return Ending(f"ended the process (exit code {code})" if code else "")


def _child(given: argparse.Namespace) -> int:
    context = Context(Deadline(given.seconds), given.reports, rehearsal=given.rehearse)
    run_part(PARTS[given.child], Store(given.reports), context)
    return 0


def _tell(finding: Finding) -> None:
    for name, found in finding.steps.items():
        print(f"{found.outcome}: {finding.part}: {name}: {found.words}")
    for name in finding.left:
        print(f"left out: {finding.part}: {name}: there was no time left; run `make gpu-check` again")


def _write_page(gpu: Gpu, reports: Path, store: Store, key: Mapping[str, str]) -> Path:
    """Of all parts that were found with this key, those of earlier calls included."""
    found = {name: store.read(name) for name in PARTS}
    path = reports / f"{gpu.slug}.md"
    write_text(path, page(gpu, {name: one for name, one in found.items() if one and one.key == key}))
    return path


def _bundle(given: argparse.Namespace) -> Path | None:
    """The bundle to run from; None: from what is installed."""
    from benchmarks.bundle.installing import FROM_BUNDLE
    from benchmarks.bundle.pieces import MANIFEST

    if FROM_BUNDLE in os.environ:
        return None
    if given.bundle or given.rehearse:
        return Path(given.bundle) if given.bundle else None
    return next((folder for folder in BUNDLES if (folder / MANIFEST).is_file()), None)


def _from_bundle(bundle: Path, words: list[str]) -> int:
    """The same command, run from what the bundle has. Raises InputError, EngineError, OutputError."""
    from benchmarks.bundle.installing import environment, installed

    print(f"{bundle}: installing ...", flush=True)
    target = installed(bundle, INSTALLED)
    print(f"{bundle}: runs from {target}", flush=True)
    command = [sys.executable, "-m", "benchmarks.gpu_check", *words]
    return subprocess.run(command, cwd=ROOT, env=environment(target, os.environ), check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} [default: all]")
    parser.add_argument("--again", action="store_true", help="also what is done already")
    parser.add_argument("--list", action="store_true", help="say what the parts are")
    parser.add_argument("--bundle", metavar="DIR", help="[default: out/gpu-bundle, where there is one]")
    parser.add_argument("--reports", type=Path, metavar="DIR", help="[default: docs/measurements]")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="small and on the CPU: do the parts work? Into out/gpu-check",
    )
    parser.add_argument("--child", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
