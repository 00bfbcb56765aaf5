"""`trt-anime engines check`: which engines fit this machine, and why others don't."""

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import InputError, MissingError

if TYPE_CHECKING:
    from trt_anime.engines.machine import Machine
    from trt_anime.engines.preflight import Verdict

# A state in the words of people.
_WORDS = {
    "usable": "usable",
    "slower": "usable but slower",
    "rebuild": "rebuild",
    "elsewhere": "for another machine",
}


def check(
    size: Annotated[
        str | None, typer.Option(help="Frame size that they are wanted for, such as 1920x1080.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Frames in one call that are wanted.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Say of every engine whether it can be used here, and why not. `verify` reads their bytes, too.

    The exit code is 3 if an engine that was built for such a machine has to be built again, or if --size or
    --batch are given and no engine serves them; engines for other GPUs and systems don't count.
    """
    from trt_anime.engines import preflight, ranking, store
    from trt_anime.engines.machine import machine_here

    machine = machine_here()
    wanted = _size(size) if size else None
    found = store.survey()
    judged = {
        item.folder.name: preflight.verdict(
            item,
            machine,
            size=wanted,
            batch=batch,
            ask=lambda entry: preflight.validity_here(entry, machine),
        )
        for item in found
    }
    fitting = [
        item
        for item in found
        if isinstance(item, store.Entry) and judged[item.folder.name].state in ("usable", "slower")
    ]
    for entry in fitting:
        if not entry.manifest.forced and (slower := ranking.overtaken(entry, fitting)):
            judged[entry.folder.name] = slower
    if as_json:
        print(json.dumps(_table(machine, judged), indent=2))
    else:
        print(_described(machine))
        for name, verdict in judged.items():
            words = "; ".join(word for word in (verdict.reason, verdict.cure) if word)
            print(f"{name}: {_WORDS[verdict.state]}{words and f': {words}'}")
    broken = [verdict for verdict in judged.values() if verdict.state == "rebuild" and verdict.is_meant]
    if broken:
        raise MissingError(f"{len(broken)} of {len(judged)} engines must be built again, reasons above")
    if (size or batch) and all(verdict.state == "rebuild" for verdict in judged.values()):
        raise MissingError("no engine here serves this size and batch; run `trt-anime engines build`")


def _size(text: str) -> tuple[int, int]:
    """(height, width) in pixels."""
    numbers = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text.strip().lower())
    if not numbers:
        raise InputError(f"--size {text!r}: not a frame size, width x height, such as 1920x1080")
    return int(numbers[2]), int(numbers[1])


def _described(machine: "Machine") -> str:
    gpus = ", ".join(f"{gpu.name} (sm{gpu.capability})" for gpu in machine.gpus) or "no GPU"
    driver = f", driver {machine.driver}" if machine.driver else ""
    return f"{machine.system}: {gpus}{driver}"


def _table(machine: "Machine", judged: "dict[str, Verdict]") -> dict[str, object]:
    from dataclasses import asdict

    engines = [{"folder": name, **asdict(verdict)} for name, verdict in judged.items()]
    return {"machine": asdict(machine), "engines": engines}
