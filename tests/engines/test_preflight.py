"""Whether an engine fits a machine. What a real GPU makes of the same engines was not tried here."""

import json
import sys
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from trt_anime.engines import preflight, store
from trt_anime.engines.library import Library
from trt_anime.engines.machine import Gpu, Machine
from trt_anime.engines.manifest import Profile
from trt_anime.engines.preflight import Verdict, validity, validity_here, verdict
from trt_anime.engines.store import Entry, Refused

CARD = Gpu("NVIDIA GeForce RTX 4090", 89, 24 * 10**9)
H200 = Gpu("NVIDIA H200", 90)
MACHINE = Machine("linux-x86_64", (CARD,), "580.65.6", {"rtx": "1.7.1", "trt": None})
BARE = replace(MACHINE, gpus=(), driver=None)
BUILD = "build it with `trt-anime engines build toy --gpu sm89 --precision fp16 --size 96x64 --max-batch 4`"


@pytest.fixture
def entry(home: Path) -> Entry:
    """An engine that has run on the card."""
    entry = store.install(MANIFEST, ENGINE)
    (entry.folder / store.kernels_file(CARD.name)).write_bytes(b"kernels")
    return entry


def changed(entry: Entry, **changes: Any) -> Entry:
    """The same with another recipe."""
    return replace(entry, manifest=replace(entry.manifest, recipe=replace(RECIPE, **changes)))


def refused() -> Refused:
    (found,) = store.survey()
    assert isinstance(found, Refused)
    return found


def test_usable(entry: Entry) -> None:
    usable = Verdict("usable", "speed")
    assert verdict(entry, MACHINE) == usable
    assert verdict(entry, MACHINE, size=(64, 96)) == usable
    assert verdict(entry, MACHINE, size=(64, 96), batch=1) == usable


@pytest.mark.parametrize(
    ("version", "reason", "cure"),
    [
        ("1.6", "was built with TensorRT-RTX 1.6, and 1.7.1 is installed", BUILD),
        (
            "1.10.0",
            "is downgraded: TensorRT-RTX 1.7.1 is installed, and it was built with 1.10.0",
            f"update with pip install 'trt-anime[rtx]' --upgrade, or {BUILD}",
        ),
    ],
)
def test_another_version(entry: Entry, version: str, reason: str, cure: str) -> None:
    judged = verdict(changed(entry, flavour_version=version), MACHINE)
    assert judged == Verdict("rebuild", "version", reason, cure) and judged.is_meant


def test_a_flavour_that_is_not_installed(entry: Entry) -> None:
    judged = verdict(entry, replace(MACHINE, flavours={"rtx": None, "trt": "11.4"}))
    reason = "needs TensorRT-RTX 1.7.1, which is not installed"
    assert judged == Verdict("rebuild", "version", reason, "pip install 'trt-anime[rtx]'")


def test_another_gpu(entry: Entry) -> None:
    judged = verdict(entry, replace(MACHINE, gpus=(H200,)))
    reason = "is for sm89, and here is NVIDIA H200 (sm90)"
    assert judged == Verdict("rebuild", "machine", reason, BUILD.replace("sm89", "sm90"))
    assert not judged.is_meant
    assert verdict(entry, replace(MACHINE, gpus=(H200, CARD))).state == "usable"


def test_no_gpu_is_no_error(entry: Entry) -> None:
    judged = verdict(entry, BARE)
    assert judged == Verdict("elsewhere", "machine", "is for sm89, a GPU that is not here")
    # What is installed here doesn't matter there.
    assert verdict(changed(entry, flavour_version="1.6"), BARE).state == "elsewhere"


def test_another_system(entry: Entry) -> None:
    other = changed(entry, system="win32-amd64")
    reason = "is for win32-amd64, and this is linux-x86_64"
    assert verdict(other, MACHINE) == Verdict("rebuild", "machine", reason, BUILD)
    assert verdict(other, BARE) == Verdict("elsewhere", "machine", reason)


@pytest.mark.parametrize(
    ("options", "reason", "option"),
    [
        ({"size": (720, 1280)}, "takes frames of 96x64, not 1280x720", "--size 1280x720"),
        ({"size": (96, 64)}, "takes frames of 96x64, not 64x96", "--size 64x96"),
        ({"batch": 8}, "takes batches of 1 to 4, not 8", "--max-batch 8"),
    ],
)
def test_other_shapes(entry: Entry, options: dict[str, Any], reason: str, option: str) -> None:
    for machine in (MACHINE, BARE):
        judged = verdict(entry, machine, **options)
        assert (judged.state, judged.check, judged.reason) == ("rebuild", "shapes", reason)
        assert option in judged.cure and not judged.is_meant


def test_slower_in_other_batches_than_it_is_tuned_for(entry: Entry) -> None:
    judged = verdict(entry, MACHINE, batch=4)
    assert judged == Verdict("slower", "speed", "takes batches of 4, but is tuned for 1")
    tuned = changed(entry, profile=Profile(height=64, width=96, max_batch=4, opt_batch=4))
    assert verdict(tuned, MACHINE, batch=4).state == "usable"


def test_slower_before_its_kernels_are_compiled(entry: Entry) -> None:
    other = Gpu("NVIDIA L4", 89)
    judged = verdict(entry, replace(MACHINE, gpus=(CARD, other)))
    assert (judged.state, judged.reason) == ("slower", "has no kernels for NVIDIA L4 yet")


def test_forced_past_its_parity(entry: Entry) -> None:
    judged = verdict(replace(entry, manifest=replace(entry.manifest, forced=True)), MACHINE)
    assert judged.state == "slower" and judged.reason.startswith("was forced into the store although")


@pytest.mark.parametrize(
    ("built_on", "state"),
    [
        (None, "usable"),
        ("NVIDIA H200, driver 580.65.6", "usable"),
        ("NVIDIA H200, driver 575.1", "slower"),
        ("NVIDIA H100, driver 580.65.6", "slower"),
    ],
)
def test_tuned_on_another_gpu_or_driver(entry: Entry, built_on: str | None, state: str) -> None:
    native = changed(entry, target="trt-sm90", flavour_version="11.4")
    native = replace(native, manifest=replace(native.manifest, built_on=built_on))
    judged = verdict(native, replace(MACHINE, gpus=(H200,), flavours={"rtx": None, "trt": "11.4"}))
    assert judged.state == state
    if state == "slower":
        assert judged.reason == f"was tuned on {built_on}, and here is NVIDIA H200, driver 580.65.6"


def test_truncated(entry: Entry) -> None:
    entry.engine.write_bytes(ENGINE[:-1])
    judged = verdict(refused(), BARE)
    reason = "its engine.plan is truncated: 19 bytes where its manifest says 20"
    assert judged == Verdict("rebuild", "file", reason, BUILD) and judged.is_meant


def test_without_its_engine(entry: Entry) -> None:
    entry.engine.unlink()
    assert verdict(refused(), MACHINE).reason.startswith("its engine.plan can't be read (No such file")


@pytest.mark.parametrize(("schema", "age"), [(1, "an older"), (3, "a newer")])
def test_a_manifest_of_another_release(entry: Entry, schema: int, age: str) -> None:
    """Its fields differ too; that is not what is said."""
    fields = json.loads(MANIFEST.to_json()) | {"schema": schema}
    del fields["recipe"]["typed_sha256"]
    (entry.folder / "manifest.json").write_text(json.dumps(fields))
    judged = verdict(refused(), MACHINE)
    assert judged.reason == (
        f"manifest.json: of {age} release (manifest version {schema}, this one reads 2); build again"
    )
    assert judged.cure == f"remove {entry.folder}, and build it anew"


@pytest.mark.parametrize("where", ["matte-toy-96x64-fp16-rtx-sm89-00000000", "my-engine"])
def test_foreign(entry: Entry, where: str) -> None:
    name = entry.folder.name
    entry.folder.rename(entry.folder.with_name(where))
    judged = verdict(refused(), MACHINE)
    assert (judged.state, judged.reason) == ("rebuild", f"is foreign: its manifest belongs into {name}")


def test_the_library_has_the_last_word(entry: Entry) -> None:
    word = Verdict("rebuild", "library", "TensorRT-RTX refuses it (old cuda driver)")
    assert verdict(entry, MACHINE, ask=lambda asked: word if asked is entry else None) is word
    # It isn't asked about what is for others.
    assert verdict(entry, BARE, ask=lambda asked: word).state == "elsewhere"


class _Validity(IntEnum):
    VALID, SUBOPTIMAL, INVALID = range(3)


class _Diagnostics(IntEnum):
    VERSION_MISMATCH, UNSUPPORTED_CC, OLD_CUDA_DRIVER, CUDA_ERROR = 1, 2, 4, 64


class _Runtime:
    """TensorRT-RTX's, on a machine with a GPU."""

    says: tuple[_Validity, int] = (_Validity.VALID, 0)
    engine_header_size = 8
    asked: list[bytes]

    def __init__(self, logger: object) -> None:
        type(self).asked = []

    def get_engine_validity(self, buffer: bytes) -> tuple[_Validity, int]:
        self.asked.append(buffer)
        return self.says


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch) -> type[_Runtime]:
    runtime = type("Runtime", (_Runtime,), {})
    logger = type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0, "WARNING": 2})
    module = SimpleNamespace(
        Runtime=runtime, ILogger=logger, EngineValidity=_Validity, EngineInvalidityDiagnostics=_Diagnostics
    )
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", module)
    return runtime


@pytest.mark.parametrize(
    ("says", "verdict"),
    [
        ((_Validity.VALID, 0), None),
        ((_Validity.INVALID, 0), None),  # what it says where there is no GPU
        ((_Validity.INVALID, 64), None),
        (
            (_Validity.INVALID, 5),
            Verdict(
                "rebuild",
                "library",
                "TensorRT-RTX refuses it: version mismatch, old cuda driver",
                "update the NVIDIA driver",
            ),
        ),
        (
            (_Validity.SUBOPTIMAL, 2),
            Verdict(
                "slower",
                "library",
                "TensorRT-RTX says that it is not at its best: unsupported cc",
                "build it again with `trt-anime engines build`",
            ),
        ),
    ],
)
def test_what_the_library_says(
    entry: Entry, rtx: type[_Runtime], says: tuple[_Validity, int], verdict: Verdict | None
) -> None:
    rtx.says = says
    assert validity_here(entry, MACHINE) == verdict
    assert rtx.asked == [ENGINE[:8]]  # the header is enough


def test_the_library_judges_for_the_first_gpu_alone(entry: Entry, rtx: type[_Runtime]) -> None:
    rtx.says = (_Validity.INVALID, 2)
    assert validity_here(entry, replace(MACHINE, gpus=(H200, CARD))) is None
    assert validity_here(entry, BARE) is None


def test_a_library_that_can_not_be_asked(
    entry: Entry, rtx: type[_Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    native = changed(entry, target="trt-sm89")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert validity_here(native, MACHINE) is None  # not installed
    monkeypatch.setitem(
        sys.modules, "tensorrt", SimpleNamespace(ILogger=object, Runtime=lambda log: object())
    )
    assert validity_here(native, MACHINE) is None  # has no such function
    entry.engine.unlink()
    assert validity_here(entry, MACHINE) is None  # removed meanwhile


def test_the_real_library_without_a_gpu(entry: Entry) -> None:
    """What isn't its format it knows anywhere; more it can't say without a GPU."""
    pytest.importorskip("tensorrt_rtx")
    library = Library("rtx", subject="x", advice={}, otherwise="")
    runtime = library.asked("doesn't start", library.trt.Runtime, library.log)
    said = validity(library, runtime, ENGINE)
    assert said and (said.state, said.reason) == ("rebuild", "TensorRT-RTX refuses it: malformed engine")
    assert runtime.engine_header_size > 0
    real = library.trt.EngineInvalidityDiagnostics.__members__
    assert {name: int(value) for name, value in real.items()}.items() >= {
        name: value.value for name, value in _Diagnostics.__members__.items()
    }.items()
    assert set(library.trt.EngineValidity.__members__) == set(_Validity.__members__)


def test_the_checks_are_all_in_order() -> None:
    assert preflight.Check.__args__ == preflight.CHECKS  # type: ignore[attr-defined]
