"""What decides the bytes of a run's results: two runs may share an output folder only if this is equal.

Left out on purpose: where the results go, how many threads work, how many frames are wanted, and the
device's name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.files import sha256_of
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.sessions.api import Origin

# By the names that people read in messages.
Identity = dict[str, str]

_HEX_SHA256_DIGITS = 64
_SHOWN_DIGITS = 12


def identity_of(
    clip: ClipInfo,
    *,
    format: str,
    stages: Mapping[str, Origin],
    batch_size: int,
    held: str,
    segment_frames: int,
) -> Identity:
    """Identity of a run that starts now. Reads a video in full, of images only the folder.

    Args:
        format: of the output, such as ``png``.
        stages: what runs, by the stage's number.
        held: how repeats are found, such as ``balanced``, or ``off``.
        segment_frames: frames in each segment but the last.

    Raises:
        InputError: the clip can't be read.
    """
    identity = input_identity(clip) | {
        "format": format,
        "batch size": str(batch_size),
        "held frames": held,
        "stages": ", ".join(stages),
        "segment length": str(segment_frames),
    }
    for number, origin in stages.items():
        identity |= {
            f"stage {number} graph": origin.sha256,
            f"stage {number} library": origin.library,
            f"stage {number} provider": origin.provider,
            f"stage {number} precision": origin.precision,
        }
    return identity | versions()


def input_identity(clip: ClipInfo) -> Identity:
    """Identity of a clip. Reads a video in full, of images only the folder. Raises InputError: it can't."""
    try:
        return _video(clip.path) if clip.kind == "video" else _images(clip)
    except OSError as error:
        raise InputError(f"{clip.path}: can't be read ({error.strerror}); check the path") from error


def changes(before: Identity, now: Identity) -> list[str]:
    """What differs, a clause each, such as ``format: ffv1 before, prores now``."""
    names = list(before | now)
    if before.get("stages") != now.get("stages"):  # which says it: not what each stage was made of, too
        names = [name for name in names if name in before and name in now]
    return [
        f"{name}: {_shown(before, name)} before, {_shown(now, name)} now"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _video(path: Path) -> Identity:
    return {"input": f"video of {path.stat().st_size} bytes", "input content": sha256_of(path)}


def _images(clip: ClipInfo) -> Identity:
    # Their contents would take as long to read as the run itself: the time of change stands for them.
    files = sorted(_listed(clip.path), key=lambda file: file.name)
    facts = [file.stat() for file in files]
    return {
        "input": f"{len(files)} images of {sum(fact.st_size for fact in facts)} bytes",
        "input names": _hash_of(file.name for file in files),
        "input sizes": _hash_of(str(fact.st_size) for fact in facts),
        "input times of change": _hash_of(str(fact.st_mtime_ns) for fact in facts),
        "input rate": str(clip.rate),
    }


def _listed(path: Path) -> list[Path]:
    """The files that the reader takes from `path`."""
    from trt_anime.runtime.media.images import SUFFIXES

    if path.is_file():
        return [path]
    return [
        file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]


def _hash_of(words: Iterable[str]) -> str:
    # No file name has a NUL, so two lists that differ never join to the same bytes.
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


def versions() -> Identity:
    """Of all that makes, reads or writes pixels, beside the stages' own libraries."""
    from importlib import metadata

    import av
    import cv2

    from trt_anime import __version__

    versions = {"trt-anime": __version__, "av": av.__version__, "FFmpeg": av.ffmpeg_version_info}
    versions["OpenCV"] = cv2.__version__
    for package in ("fpng-py", "OpenEXR"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "none"
    return versions


def _shown(identity: Identity, name: str) -> str:
    value = identity.get(name) or "none"
    is_hash = len(value) == _HEX_SHA256_DIGITS and not set(value) - set("0123456789abcdef")
    return value[:_SHOWN_DIGITS] if is_hash else value
