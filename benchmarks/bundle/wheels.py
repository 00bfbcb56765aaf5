"""The wheels that `make gpu-check` needs, for another Python than this one, by pip's ordinary download."""

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from trt_anime.errors import DownloadError, MissingError

ROOT = Path(__file__).parents[2]

# Beside what the package itself needs: pip, in case that the machine has none; the tests; what the chain's
# references and exports need beside PyTorch, which is the machine's own.
TOOLS = ("pip", "pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "transformers", "onnxscript")
# TensorRT's libraries come from an index of its vendor's, so they can't be had by name.
NOT_HERE = ("tensorrt-cu13",)
RTX = "tensorrt-rtx-cu13"
# Published as source only. They keep to Python's stable interface, so what is built here runs everywhere.
SOURCES = ("fpng-py",)

# pip takes each for itself: newer ones don't stand for older ones.
_GLIBC = (39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 27, 24, 17, 12, 5)
_PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC), "manylinux2014_x86_64")


def requirements(*, rtx: bool, cuda: bool) -> list[str]:
    """As pip takes them: the package's own and its extra `gpu`, and `TOOLS`.

    Args:
        rtx: with TensorRT-RTX, 200 MB, for GPUs that it has targets for.
        cuda: with CUDA's libraries, 1.3 GB.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["gpu"], *TOOLS]
    without = {*NOT_HERE, *SOURCES, *(() if rtx else (RTX,))}
    found = [line for line in wanted if re.split(r"[^\w.-]", line)[0] not in without]
    return (
        found if cuda else [re.sub(r"^onnxruntime-gpu\[.*?\]", "onnxruntime-gpu", line) for line in found]
    )


def download(folder: Path, *, pythons: Sequence[str], rtx: bool, cuda: bool) -> None:
    """Wheels into `folder`, for Linux on x86-64.

    Args:
        pythons: versions, such as ``3.12``.
        rtx, cuda: see `requirements`.

    Raises:
        DownloadError: pip failed; its own last words are in the message.
        MissingError: a source couldn't be built.
    """
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    for python in pythons:
        options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
        _pip("download", "--dest", str(folder), *options, *requirements(rtx=rtx, cuda=cuda))
    for source in SOURCES:
        _built(source, folder)


def stable(wheel: Path, folder: Path) -> Path:
    """The same wheel for every Python from 3.11 on, where its modules keep to the stable interface.

    pip names what it builds for the Python that it runs on, whatever the modules use.
    """
    target = folder / re.sub(r"-cp\d+-cp\d+-", "-cp311-abi3-", wheel.name)
    record: list[tuple[str, str, int | str]] = []
    listing = ""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            if name.endswith("/RECORD"):
                listing = name
                continue
            data = source.read(name)
            if name.endswith(".dist-info/WHEEL"):
                data = re.sub(rb"(?m)^Tag: cp\d+-cp\d+-", b"Tag: cp311-abi3-", data)
            name = re.sub(r"\.cpython-[^/]*\.so$", ".abi3.so", name)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append((name, f"sha256={digest}", len(data)))
            made.writestr(name, data)
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([*record, (listing, "", "")])
        made.writestr(listing, lines.getvalue())
    return target


def _built(source: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        try:
            _pip("wheel", "--no-deps", "--wheel-dir", name, source)
        except DownloadError as error:
            raise MissingError(
                f"{source} can't be built here, which needs a C++ compiler: {error}"
            ) from error
        [wheel] = Path(name).glob("*.whl")
        stable(wheel, folder)


def _pip(*words: str) -> None:
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    command = [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check", *constraints]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr]
        raise DownloadError(f"pip {words[0]} failed: {' '.join(' '.join(lines).split())[-600:]}")
