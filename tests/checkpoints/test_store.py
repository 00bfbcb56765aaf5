"""What is in place is whole and checked, whoever else is pulling."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkpoints.conftest import BODY, Heard, model_of, tiny_onnx
from tests.checkpoints.server import Answer, Server
from tests.checkpoints.test_verify import LEGACY, SAFE
from trt_anime.errors import CheckpointError, DownloadError, InputError, OutputError
from trt_anime.export import checkpoints
from trt_anime.export.catalogue import File, Model

PULL = """
import sys
from tests.checkpoints.conftest import model_of
from trt_anime.export import checkpoints

url, said = sys.argv[1:]


def say(line):
    with open(said, "a") as file:
        print(line, file=file)


checkpoints.pull(model_of(url), report=checkpoints.Report(say=say))
"""


def test_two_pulls_download_once(server: Server, tmp_path: Path) -> None:
    gate, said = threading.Event(), tmp_path / "said"
    said.touch()
    url = server.serve("/file", Answer(BODY, wait=gate))
    command = [sys.executable, "-W", "error", "-c", PULL, url, str(said)]
    both = [subprocess.Popen(command) for _ in range(2)]
    deadline = time.monotonic() + 30
    while not (server.asked("/file") and said.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    gate.set()
    assert [process.wait(timeout=30) for process in both] == [0, 0]
    assert len(server.asked("/file")) == 1
    assert said.read_text() == "toy: waiting for another trt-anime that is fetching it\n"
    found = checkpoints.find(model_of(url))
    assert found is not None and found.read_bytes() == BODY


def test_failed_pull_leaves_the_file_in_place(server: Server) -> None:
    url = server.serve("/file", Answer(BODY))
    path = checkpoints.pull(model_of(url))
    server.serve("/file", Answer(bytes(len(BODY))))
    with pytest.raises(DownloadError):
        checkpoints.pull(model_of(url), force=True)
    assert checkpoints.find(model_of(url)) == path and path.read_bytes() == BODY


def test_damaged_file_counts_as_not_here(server: Server) -> None:
    model = model_of(server.serve("/file", Answer(BODY)))
    path = checkpoints.pull(model)
    path.write_bytes(BODY[:-1])
    assert checkpoints.find(model) is None
    assert checkpoints.pull(model).read_bytes() == BODY


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"model": "toy"}'])
def test_damaged_record_counts_as_not_here(server: Server, record: str) -> None:
    model = model_of(server.serve("/file", Answer(BODY)))
    path = checkpoints.pull(model)
    path.with_name("weights.onnx.json").write_text(record)
    assert checkpoints.find(model) is None
    assert checkpoints.pull(model) == path


def test_first_download_pins_the_hash(server: Server, home: Path) -> None:
    first, second = tiny_onnx(1.0), tiny_onnx(2.0)
    model = model_of(server.serve("/file", Answer(first)), body=None)
    checkpoints.pull(model)
    pins = json.loads((home / "models/lock.json").read_text())
    assert pins["toy/weights.onnx"]["sha256"] == hashlib.sha256(first).hexdigest()
    server.serve("/file", Answer(second))
    with pytest.raises(DownloadError, match=r"instead of [0-9a-f]{12}…, which lock\.json pins"):
        checkpoints.pull(model, force=True)
    server.serve("/file", Answer(first))
    assert checkpoints.pull(model, force=True).read_bytes() == first


def test_first_download_must_at_least_be_a_checkpoint(server: Server, home: Path) -> None:
    model = model_of(server.serve("/file", Answer(BODY)), body=None)
    with pytest.raises(DownloadError, match="sent something else: the file is no"):
        checkpoints.pull(model)
    server.serve("/file", Answer(SAFE))
    with pytest.raises(DownloadError, match=r"sent something else: the file is \.safetensors, not \.onnx"):
        checkpoints.pull(model)
    assert not (home / "models/lock.json").exists()


def test_unreadable_pins_speak(server: Server, home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models/lock.json").write_text("{")
    model = model_of(server.serve("/file", Answer(tiny_onnx())), body=None)
    with pytest.raises(CheckpointError, match=r"lock\.json: can't be read; mend it, or delete it to pin"):
        checkpoints.pull(model)


def test_unknown_door(server: Server) -> None:
    with pytest.raises(InputError, match=r"toy isn't published as \.pth; choose onnx, or import your own"):
        checkpoints.pull(model_of("https://host/file"), door="pth")


def test_store_that_cannot_be_written(server: Server, home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="can't be written"):
        checkpoints.pull(model_of(server.serve("/file", Answer(BODY))))


def test_import_of_the_published_file(tmp_path: Path, home: Path, heard: Heard) -> None:
    published = tiny_onnx()
    model, file = model_of("https://host/file", body=published), tmp_path / "mine.onnx"
    file.write_bytes(published)
    path = checkpoints.import_file(model, file, report=heard.report)
    assert path == home / "models/toy/weights.onnx" and path.read_bytes() == published
    assert checkpoints.stored(model)[path].source == "import"
    assert checkpoints.stored(model)[path].published and not heard.lines
    assert checkpoints.pull(model) == path  # asks nobody: it is here
    assert file.exists()


def test_import_of_an_own_file(tmp_path: Path, server: Server, heard: Heard) -> None:
    model, file = model_of(server.serve("/file", Answer(BODY))), tmp_path / "mine.onnx"
    file.write_bytes(tiny_onnx())
    path = checkpoints.import_file(model, file, report=heard.report)
    assert heard.lines == [f"toy: {file} is not the published file; taken as your own"]
    record = checkpoints.stored(model)[path]
    assert not record.published and record.licence == ""
    assert checkpoints.pull(model, report=heard.report).read_bytes() == tiny_onnx()
    assert heard.lines[-1] == "toy: your own weights.onnx is here and stays; --force replaces it"
    assert checkpoints.pull(model, force=True).read_bytes() == BODY
    assert checkpoints.stored(model)[path].published


def test_imported_format_that_is_not_published(tmp_path: Path, server: Server, home: Path) -> None:
    model = model_of(server.serve("/file", Answer(BODY)))
    onnx = checkpoints.pull(model)
    for content, name in ((LEGACY + bytes(99), "toy.pth"), (SAFE, "toy.safetensors")):
        (tmp_path / "mine").write_bytes(content)
        path = checkpoints.import_file(model, tmp_path / "mine")
        assert path == home / "models/toy" / name
        assert checkpoints.find(model, door=checkpoints.stored(model)[path].format) == path
    assert checkpoints.find(model) == home / "models/toy/toy.pth"  # what was imported comes first
    assert checkpoints.find(model, door="onnx") == onnx
    assert len(checkpoints.stored(model)) == 3


def test_refused_import_leaves_the_file_in_place(tmp_path: Path, server: Server) -> None:
    model = model_of(server.serve("/file", Answer(BODY)))
    path = checkpoints.pull(model)
    (tmp_path / "page.onnx").write_text("<html>not found</html>")
    with pytest.raises(CheckpointError, match="is a web page"):
        checkpoints.import_file(model, tmp_path / "page.onnx")
    assert checkpoints.find(model) == path


def test_nothing_is_here_at_first() -> None:
    assert checkpoints.find(model_of("https://host/file")) is None


def with_companion(model: Model, *sources: str, body: bytes) -> Model:
    """The row with a second file that its weights need."""
    words = File(filename="words.json", sources=sources, sha256=hashlib.sha256(body).hexdigest())
    return replace(model, files=(replace(model.files[0], companions=(words,)),))


def test_companions_come_with_the_weights(server: Server, heard: Heard) -> None:
    weights, words = server.serve("/weights", Answer(BODY)), server.serve("/words", Answer(b'{"a": 1}'))
    model = with_companion(model_of(weights), words, body=b'{"a": 1}')
    path = checkpoints.pull(model, report=heard.report)
    assert path.read_bytes() == BODY
    assert path.with_name("words.json").read_bytes() == b'{"a": 1}'
    heard.totals.clear()
    assert checkpoints.pull(model, report=heard.report) == path and not heard.totals  # both are here


def test_weights_without_their_companion_are_not_here(server: Server) -> None:
    weights, words = server.serve("/weights", Answer(BODY)), server.serve("/words", Answer(b"another"))
    model = with_companion(model_of(weights), words, body=b'{"a": 1}')
    with pytest.raises(DownloadError, match=r"^words\.json: no source gave the file"):
        checkpoints.pull(model)
    assert checkpoints.find(model) is None


def test_a_companion_beside_an_imported_file_is_taken_along(tmp_path: Path) -> None:
    model = with_companion(model_of("https://host/x"), "https://host/words", body=b'{"a": 1}')
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(tiny_onnx())
    (tmp_path / "words.json").write_bytes(b'{"a": 2}')
    path = checkpoints.import_file(model, mine)
    assert path.with_name("words.json").read_bytes() == b'{"a": 2}'
