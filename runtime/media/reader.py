"""Open whatever the user gave: a video, a folder of frames, or one image."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.media.frames import DEFAULT_RATE, FrameSource, Landmark
from trt_anime.runtime.media.images import SUFFIXES, ImageFolder
from trt_anime.runtime.media.video import Video


def open_source(
    path: Path,
    *,
    threads: int = 0,
    rate: Fraction = DEFAULT_RATE,
    deep: bool = False,
    landmarks: Sequence[Landmark] = (),
) -> FrameSource:
    """Open a clip and decode its first frame.

    Args:
        path: a video file, an image, or a folder of images.
        threads: for the video decoder; 0 leaves the number to it.
        rate: frames per second of a folder of images; a video has its own.
        landmarks: of an earlier reading; a start in the middle of a video then needs no frames before.
        deep: whether frames of a source with more than 8 bits carry 16 bits beside 8.

    Raises:
        InputError: missing, unreadable, empty, without a video stream, or images of several sizes.
    """
    try:
        is_folder = path.is_dir()
        path.stat()
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path}: {reason}; give a video file or a folder of frames") from error
    if is_folder or path.suffix.lower() in SUFFIXES:
        return ImageFolder(path, rate=rate, deep=deep)
    return Video(path, threads=threads, deep=deep, landmarks=landmarks)
