"""Fetching without a network: stand-ins for apt-get on an otherwise empty PATH."""

import hashlib
import stat
from pathlib import Path

import pytest

from samples import artwork
from trt_anime.errors import DownloadError, MissingError


def install(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.usefixtures("tools")
def test_without_the_client_the_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="apt-get"):
        artwork.fetch(tmp_path / "art")


def test_a_failed_download_gives_the_reason_and_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    install(tools, "apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    install(tools, "dpkg-deb", "exit 0")
    with pytest.raises(DownloadError, match="Unable to locate package"):
        artwork.fetch(tmp_path / "art")
    assert list((tmp_path / "art").iterdir()) == []


def test_a_picture_that_differs_is_refused(tools: Path, tmp_path: Path) -> None:
    install(tools, "apt-get", "exit 0")
    install(tools, "dpkg-deb", "exit 0")
    with pytest.raises(DownloadError, match="not the picture"):
        artwork.fetch(tmp_path / "art")
    assert list((tmp_path / "art").iterdir()) == []


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    assert artwork.cache_folder() == tmp_path / "artwork"
    monkeypatch.delenv("TRT_ANIME_HOME")
    assert artwork.cache_folder().name == "artwork"


@pytest.mark.usefixtures("fetched_art")
def test_fetched_pictures_are_the_pinned_ones() -> None:
    for name, art in artwork.ARTWORK.items():
        assert hashlib.sha256((artwork.cache_folder() / name).read_bytes()).hexdigest() == art.sha256
    assert artwork.image("bg meadow.jpg").shape == (720, 1280, 3)
    assert artwork.image("sylvie green normal.png").shape == (700, 456, 4)
