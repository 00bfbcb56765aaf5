"""Ratios of earlier releases on machines of the same class, in `benchmarks/history/`, and what changed."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pairs import Pair
from benchmarks.tables import Spread, markdown
from trt_anime.errors import InputError
from trt_anime.files import write_text

HISTORY = Path(__file__).with_name("history")


@dataclass(frozen=True)
class Then:
    """What was measured once.

    Attributes:
        machine: its class, such as ``AMD EPYC, 2 cores``: equal ones compare.
        date: as `machine.now` gives it.
        quiet: whether other programs let it be measured.
        ratios: times as fast, one a round, by the name of the pair.
    """

    release: str
    machine: str
    date: str
    quiet: bool
    ratios: dict[str, list[float]]


def then_of(pairs: Sequence[Pair], *, release: str, machine: str, date: str, quiet: bool) -> Then:
    ratios = {
        key_of(pair): [round(their / our, 4) for their, our in zip(pair.theirs, pair.ours, strict=True)]
        for pair in pairs
    }
    return Then(release, machine, date, quiet, ratios)


def key_of(pair: Pair) -> str:
    return f"{pair.name}, against {pair.other}"


def path_of(then: Then, folder: Path = HISTORY) -> Path:
    """One file for a release and a class of machine."""
    word = re.sub(r"[^a-z0-9]+", "-", then.machine.lower()).strip("-")
    return folder / f"{then.release}--{word}.json"


def keep(then: Then, folder: Path = HISTORY) -> Path:
    """Write it in place of what the same release had on such a machine. Raises OutputError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(then, folder)
    write_text(path, json.dumps(vars(then), indent=1) + "\n")
    return path


def latest(machine: str, folder: Path = HISTORY) -> Then | None:
    """The last that was measured on such a machine. Raises InputError: a file isn't one of these."""
    found = [then for then in map(_read, sorted(folder.glob("*.json"))) if then.machine == machine]
    return max(found, key=lambda then: then.date, default=None)


def changes(then: Then, now: Then) -> str:
    """What is faster or slower against others than it was, as Markdown."""
    rows = [
        [key, _cell(then.ratios.get(key)), _cell(now.ratios.get(key)), _verdict(then, now, key)]
        for key in dict.fromkeys([*now.ratios, *then.ratios])
    ]
    head = ["times as fast", f"{then.release}, {then.date[:10]}", "now", "change"]
    return markdown(head, rows)


def _verdict(then: Then, now: Then, key: str) -> str:
    if key not in then.ratios:
        return "new"
    if key not in now.ratios:
        return "not measured"
    before, after = Spread.of(then.ratios[key]), Spread.of(now.ratios[key])
    share = f"{100 * (after.median / before.median - 1):+.0f} %"
    if before.low <= after.high and after.low <= before.high:
        return f"{share}, noise: the spreads overlap"
    if not (then.quiet and now.quiet):
        return f"{share}, but a machine was not quiet"
    return f"**{share}, {'better' if after.median > before.median else 'worse'}**"


def _cell(ratios: Sequence[float] | None) -> str:
    return Spread.of(ratios).text(2) if ratios else "\N{EN DASH}"


def _read(path: Path) -> Then:
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        return Then(**values)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: is no record of a release's speed ({error}); remove it") from error
