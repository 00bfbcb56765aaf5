"""What stage 4 says of frames, as captions."""

import json
from bisect import bisect_left
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results

FILE_NAME = "frames.jsonl"


class Captions:
    """Texts by frame. A frame without one takes that of the nearest frame of its shot."""

    def __init__(self, results: Results) -> None:
        """Raises InputError: the file is damaged. Without stage 4 there are no texts."""
        self._results = results
        self._texts = _read(results.folder / places.ANNOTATION / FILE_NAME)
        self._frames = sorted(self._texts)

    def of(self, index: int, *, trigger: str) -> str:
        """`trigger`, tags and caption, divided by commas."""
        shot = self._results.shot_of(index)
        inside = self._frames[bisect_left(self._frames, shot.start) : bisect_left(self._frames, shot.stop)]
        nearest = min(inside, key=lambda frame: abs(frame - index), default=None)
        return ", ".join([trigger, *([] if nearest is None else self._texts[nearest])])


def _read(path: Path) -> dict[int, list[str]]:
    """By frame, the tags and then the caption."""
    texts: dict[int, list[str]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                texts[int(row["frame"])] = [*_tags(row.get("tags")), *_words(row.get("caption"))]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is damaged ({error}); run stage 4 again") from error
    return texts


def _tags(tags: object) -> list[str]:
    """Given as a list of words, or with how sure each is."""
    if isinstance(tags, (list, dict)):
        return [word for tag in tags for word in _words(tag)]
    return []


def _words(text: object) -> list[str]:
    """In one line: a caption file is read by its first."""
    return [" ".join(str(text).split())] if isinstance(text, str) and text.strip() else []
