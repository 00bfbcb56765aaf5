"""`trt-anime engines verify`: whether engines are what was built, and compute what they should."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import EngineError, InputError, MissingError

if TYPE_CHECKING:
    from trt_anime.engines.store import Entry, Refused


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAMES", help="Models or folders; none: all engines.")
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Build TensorRT-RTX engines again, too, and compare the bytes."),
    ] = False,
    frames: Annotated[
        Path | None,
        typer.Option(
            help="Clip or folder of frames of the engines' size: run those for this machine's GPU on some"
            " of them, and remove what is too far from FP32."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --frames: keep what fails; its manifest says so.")
    ] = False,
) -> None:
    """Read every engine and compare it with the hash in its manifest.

    The exit code is 1 if one differs. An engine that can't be rebuilt here, as its graph or the tools of
    its time are gone, is said to be so, and does not count.

    With --frames it is 1 if an engine fails, too, and 3 if none could be run here. Parity and time a frame
    are kept in the manifests: `process` takes the fastest engine by them.
    """
    from trt_anime.engines import store

    if force and not frames:
        raise InputError(
            "--force: goes with --frames; to build what failed calibration, see `engines build`"
        )
    if rebuild and frames:
        raise InputError("--rebuild and --frames: give one of them at a time")
    found = _named(store.survey(), names or [])
    if frames:
        _prove(found, frames, force=force)
        return
    failed = 0
    for item in found:
        words, is_whole = _verified(item, rebuild)
        failed += not is_whole
        print(f"{item.folder.name}: {words}", flush=True)
    if failed:
        raise EngineError(
            f"{failed} of {len(found)} engines are not what was built, reasons above;"
            " run `trt-anime engines build` again for them"
        )


def _prove(found: "list[Entry | Refused]", clip: Path, *, force: bool) -> None:
    """Run them on this machine's GPU. Raises MissingError: it has none, or none of them runs on it."""
    from trt_anime.engines.machine import machine_here
    from trt_anime.engines.ranking import overtaken

    machine = machine_here()
    if not machine.gpus:
        raise MissingError(
            "--frames: no NVIDIA GPU answers on this machine, so no engine was run and none is proved; run"
            " it where the GPU is, with pip install 'trt-anime[gpu]'"
        )
    from trt_anime.cli.engines.proving import Prover

    prover = Prover(clip, machine, force=force)
    proofs = []
    for item in found:
        proofs.append(prover.proof(item))
        print(f"{item.folder.name}: {proofs[-1].words}", flush=True)
    kept = [proof.entry for proof in proofs if proof.entry]
    for entry in kept:
        if slower := overtaken(entry, kept):
            print(f"{entry.folder.name}: not used: {slower.reason}; {slower.cure}")
    if failed := [proof for proof in proofs if proof.state in ("removed", "broken")]:
        too_far = any(proof.state == "removed" for proof in failed)
        again = "; calibrate on more frames like these, or take another precision, and build again"
        raise EngineError(
            f"{len(failed)} of {len(found)} engines failed, reasons above{again if too_far else ''}"
        )
    if not kept:
        raise MissingError(
            f"none of {len(found)} engines was run, reasons above; build one for this GPU and this size"
            " with `trt-anime engines build`"
        )


def _named(found: "list[Entry | Refused]", names: list[str]) -> "list[Entry | Refused]":
    """Those of the folders or models named, all for no names. Raises InputError for a name of none."""
    known = {
        name: None
        for item in found
        for name in (item.folder.name, *((item.manifest.recipe.model,) if item.manifest else ()))
    }
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`trt-anime engines list` has them"
            raise InputError(f"{name}: no engine of this model, or in a folder of this name; {hint}")
    return [
        item
        for item in found
        if not names
        or item.folder.name in names
        or (item.manifest is not None and item.manifest.recipe.model in names)
    ]


def _verified(item: "Entry | Refused", rebuild: bool) -> tuple[str, bool]:
    """What was found, and whether nothing is wrong."""
    from trt_anime.engines import store

    if isinstance(item, store.Refused):
        return item.reason, False
    if damage := store.damage(item):
        return damage, False
    return _rebuilt(item) if rebuild else ("whole", True)


def _rebuilt(entry: "Entry") -> tuple[str, bool]:
    from trt_anime.engines.rebuild import is_rebuilt_equal

    try:
        is_equal = is_rebuilt_equal(entry, on_progress=lambda share: None)
    except MissingError as error:
        return f"whole; can't be compared with a new build: {error}", True
    except EngineError as error:
        return f"whole, but can't be built any more: {error}", False
    return (
        ("whole, and built again with the same bytes", True)
        if is_equal
        else (
            "whole, but built again with other bytes",
            False,
        )
    )
