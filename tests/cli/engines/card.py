"""A machine with a GPU and TensorRT-RTX that compute, and engines for it: all doubles."""

import ctypes
import hashlib
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.engines.records import MANIFEST, RECIPE
from tests.engines.test_machine import Device
from tests.runtime.devices.cuda_fake import FakeDriver
from tests.runtime.media import INFO, expected_rgba
from tests.runtime.sessions.doubles import Library
from trt_anime.engines import store
from trt_anime.engines.machine import system_here
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.store import Entry
from trt_anime.files import sha256_of
from trt_anime.runtime.devices import cuda_device
from trt_anime.runtime.devices.cuda_driver import load_driver

HEIGHT, WIDTH = 48, 64


@dataclass
class Card:
    """A machine with one GPU of type sm89, and TensorRT-RTX.

    Attributes:
        off: engine's bytes -> levels by which its alpha is wrong.
        takes_ms: engine's bytes -> how long a run takes.
    """

    driver: FakeDriver
    library: Library
    off: dict[bytes, int] = field(default_factory=dict)
    takes_ms: dict[bytes, int] = field(default_factory=dict)

    def computes(self, stream: int, addresses: dict[str, int], shapes: dict[str, Any]) -> None:
        """Puts on the stream what engines of the graph of `stage_graph` compute."""
        work = partial(self._work, self.library.loaded[-1], dict(addresses), tuple(shapes["frame"]))
        self.driver.put(stream, work)

    def _work(self, engine: bytes, addresses: dict[str, int], shape: tuple[int, ...]) -> None:
        self.driver.clock += self.takes_ms.get(engine, 1) - 1  # recording an event takes one
        frames = _bytes_at(addresses["frame"], shape)
        rgba = np.stack([expected_rgba(frame) for frame in frames]).astype(int)
        rgba[..., 3] += self.off.get(engine, 0)
        _bytes_at(addresses["rgba"], (*shape[:3], 4))[...] = rgba.clip(0, 255)


def _bytes_at(address: int, shape: tuple[int, ...]) -> Any:
    memory = (ctypes.c_ubyte * int(np.prod(shape))).from_address(address)
    return np.frombuffer(memoryview(memory).cast("B"), np.uint8).reshape(shape)


def machine_with_card(monkeypatch: pytest.MonkeyPatch) -> Card:
    library = Library(height=HEIGHT, width=WIDTH, most=4, needs_bytes=0)
    card = Card(FakeDriver(), library)
    library.computes = card.computes
    core = SimpleNamespace(
        Device=SimpleNamespace(get_all_devices=lambda: [Device("NVIDIA L4", (8, 9), 24 * 10**9)]),
        system=SimpleNamespace(get_kernel_mode_driver_version=lambda: (580, 65, 6)),
    )
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", library.module("tensorrt_rtx"))
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr(cuda_device, "load_driver", lambda: load_driver(card.driver))
    return card


def engine(graph: Path, precision: Precision, **changes: Any) -> Entry:
    """An engine of a graph that `stage_graph` made; its bytes are its precision's name."""
    manifest_changes = {name: changes.pop(name) for name in ("forced", "parity") if name in changes}
    recipe: Any = replace(
        RECIPE,
        graph_sha256=sha256_of(graph),
        precision=precision,
        profile=changes.pop("profile", Profile(height=HEIGHT, width=WIDTH, max_batch=4)),
        system=system_here(),
        **changes,
    )
    plan = precision.encode()
    facts: dict[str, Any] = {"engine_sha256": hashlib.sha256(plan).hexdigest(), "size_bytes": len(plan)}
    manifest: Any = replace(MANIFEST, recipe=recipe, info=INFO, **facts, **manifest_changes)
    return store.install(manifest, plan)
