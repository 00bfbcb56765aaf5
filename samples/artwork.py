"""Real anime art under the Expat licence, fetched by Debian package name and pinned by SHA-256."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import platformdirs

from samples.arrays import U8
from trt_anime.errors import DownloadError, MissingError

REMEDY = "or draw the characters instead: art='procedural'"


@dataclass(frozen=True)
class Artwork:
    """One image file inside a Debian package."""

    package: str
    path: str
    sha256: str


def _question(name: str, sha256: str) -> Artwork:
    return Artwork("renpy-thequestion", f"usr/share/games/renpy/the_question/game/images/{name}", sha256)


def _demo(name: str, sha256: str) -> Artwork:
    return Artwork("renpy-demo", f"usr/share/games/renpy/demo/game/images/{name}", sha256)


# Backgrounds are RGB 1280x720. Sprites are RGBA: sylvie 334x700 and 456x700, lucy 420x720, eileen 320x720.
ARTWORK = {
    artwork.path.rpartition("/")[2]: artwork
    for artwork in (
        _question("bg lecturehall.jpg", "d8f477d6022ec8d409985e6d6c4a9dfc03f8671b98caaa587c134ba3f24fb915"),
        _question("bg meadow.jpg", "c6d77eb070edb21658d66d5db5bc1578a535437ff9f9cbb34baf4d2ce46cb2a6"),
        _question("bg uni.jpg", "f1198e9a72940a65bfded78cbf6603a8366afbc6423940260ea86cfcf6050390"),
        _question(
            "sylvie blue giggle.png", "1a21c22446daeabb246bc34c9fc7f87e21cff526bbdc9935fc6e7ba1a56ee056"
        ),
        _question(
            "sylvie blue normal.png", "0e63c188ebe165fa1e415fc14b2ffcec6c5bb52bcf2d18e2388d0487b78f36d3"
        ),
        _question(
            "sylvie blue smile.png", "d681a7b76b7efa56983482776810f4d2856411cdcb45f4d42322829ac56f5e64"
        ),
        _question(
            "sylvie green giggle.png", "75841d17e3a3c6002cd82f5e67a1316ebcf41b2bfce4c1a758226fc31984c4bc"
        ),
        _question(
            "sylvie green normal.png", "11ede0da6903e143ba738383ca566d9d8564460cbe1246c1bd72f29b31acba43"
        ),
        _question(
            "sylvie green smile.png", "4ec6422810f2910267c2ae2d2e479e45de426b76ef63c04f75e7e36dc5d1b8f4"
        ),
        _demo("lucy happy.png", "ac261f664a67f94206e3ae8772438e30c5891a7a343f79c7d1b2381bbe772641"),
        _demo("lucy mad.png", "6362abbedd4db0fc2c7b5a046952c50a8051238cdd969300c2f3e10d95d20f64"),
        _demo("eileen happy.png", "536f034b266f735c23a6dba1267d0e5e25f1bb86f26788919b98bf55730288b1"),
        _demo("eileen vhappy.png", "7abdf5e1f46f0d2eb882b1612673058e7c818aa553c139be41bbe43f3e1424ab"),
    )
}


def cache_folder() -> Path:
    """Where fetched art lies: $TRT_ANIME_HOME/artwork, else the user's cache folder."""
    home = os.environ.get("TRT_ANIME_HOME")
    return Path(home or platformdirs.user_cache_dir("trt-anime")) / "artwork"


def fetch(folder: Path | None = None) -> Path:
    """Make sure that every file of ARTWORK lies in `folder`, intact; returns the folder.

    Only packages with a file missing or damaged are downloaded. Files appear whole or not at all.
    """
    folder = cache_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    absent = {art.package for name, art in ARTWORK.items() if _digest(folder / name) != art.sha256}
    for package in sorted(absent):
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _unpack(package, Path(work))
            _install(package, Path(work), folder)
    return folder


@lru_cache(maxsize=32)
def image(name: str) -> U8:
    """A file of ARTWORK, fetched if need be: uint8 [H, W, 3] RGB or [H, W, 4] straight RGBA, read-only."""
    coded = np.fromfile(fetch() / name, np.uint8)
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), np.uint8)
    order = [2, 1, 0, 3][: decoded.shape[2]]
    picture = np.ascontiguousarray(decoded[..., order])
    picture.setflags(write=False)
    return picture


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _unpack(package: str, work: Path) -> None:
    """Download the package with apt-get into `work` and unpack it there."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise MissingError(
                f"{package} is fetched with {tool}, not on this machine: use Debian, {REMEDY}"
            )
    _run(["apt-get", "-q", "download", package], work, f"run 'apt-get update', {REMEDY}")
    for archive in work.glob(f"{package}_*.deb"):
        _run(
            ["dpkg-deb", "-x", str(archive), str(work)],
            work,
            f"the download is damaged: try again, {REMEDY}",
        )


def _run(command: Sequence[str], folder: Path, remedy: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DownloadError(f"'{' '.join(command[:3])}' failed ({reason}): {remedy}")


def _install(package: str, work: Path, folder: Path) -> None:
    """Move the package's files from `work` into `folder`, each only if it is the one that was pinned."""
    for name, art in ARTWORK.items():
        if art.package != package:
            continue
        source = work / art.path
        if _digest(source) != art.sha256:
            raise DownloadError(
                f"{name} in {package} is not the picture of release 8.0.3: take that one, {REMEDY}"
            )
        with source.open("rb+") as file:
            os.fsync(file.fileno())
        source.replace(folder / name)
