import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.checkpoints.server import Server, serving
from trt_anime.export.catalogue import CATALOGUE, Checkpoint, Model
from trt_anime.export.checkpoints import Report
from trt_anime.export.checkpoints.sources import Advance

BODY = random.Random(0).randbytes(700_000)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and no proxy between the tests and their own servers."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


class Heard:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.totals: list[int | None] = []
        self.counted = 0
        self.interrupt_after: int | None = None

    @property
    def report(self) -> Report:
        return Report(say=self.lines.append, progress=self._progress)

    @contextmanager
    def _progress(self, title: str, total: int | None) -> Iterator[Advance]:
        self.totals.append(total)
        yield self._advance

    def _advance(self, amount: int) -> None:
        self.counted += amount
        if self.interrupt_after is not None and self.counted >= self.interrupt_after:
            raise KeyboardInterrupt


@pytest.fixture
def heard() -> Heard:
    return Heard()


def model_of(*sources: str, body: bytes | None = BODY, md5: str | None = None) -> Model:
    """A catalogue row for `body`; None: neither its size nor its hash is published."""
    like = CATALOGUE["u2netp"]
    checkpoint = Checkpoint(
        format="onnx",
        filename="weights.onnx",
        sources=sources,
        size_bytes=None if body is None else len(body),
        sha256=None if body is None else hashlib.sha256(body).hexdigest(),
        md5=md5,
    )
    return Model(
        name="toy",
        stage="matte",
        architecture="u2netp",
        title="Toy",
        licence="MIT",
        page="",
        files=(checkpoint,),
        recipe=like.recipe,
    )


def tiny_onnx(value: float = 1.0) -> bytes:
    """The bytes of a whole ONNX model with one node."""
    from onnx import TensorProto, helper

    number = helper.make_tensor("number", TensorProto.FLOAT, [1], [value])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["number"], ["out"])],
        "tiny",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [number],
    )
    data: bytes = helper.make_model(graph).SerializeToString()
    return data
