"""rembg as a library, as its README shows it: open, remove, save. Runs in rembg's own environment.

    python rembg_loop.py INPUT_FOLDER OUTPUT_FOLDER

Prints one JSON object: seconds for all frames after a warm-up, and how they split. Imports no trt_anime.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image
from rembg import new_session, remove  # pyright: ignore[reportMissingImports]


class TimedSession:
    """Stands in for the ONNX Runtime session inside rembg's, and counts the time spent in it."""

    def __init__(self, session: Any) -> None:
        self._session, self.seconds = session, 0.0

    def run(self, *given: Any) -> Any:
        start = time.perf_counter()
        try:
            return self._session.run(*given)
        finally:
            self.seconds += time.perf_counter() - start

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(source.iterdir())
    target.mkdir(parents=True)
    session = new_session("u2netp")
    timed = session.inner_session = TimedSession(session.inner_session)
    remove(Image.open(files[0]), session=session)
    timed.seconds = 0.0
    parts: dict[str, float] = {"decode": 0.0, "remove": 0.0, "encode": 0.0}
    begin = time.perf_counter()
    for file in files:
        marks = [time.perf_counter()]
        picture = Image.open(file)
        picture.load()
        marks.append(time.perf_counter())
        layer = remove(picture, session=session)
        marks.append(time.perf_counter())
        layer.save(target / file.name)
        marks.append(time.perf_counter())
        for number, name in enumerate(parts):
            parts[name] += marks[number + 1] - marks[number]
    total = time.perf_counter() - begin
    parts["network"] = timed.seconds
    parts["around"] = parts.pop("remove") - timed.seconds
    print(json.dumps({"seconds": total, "parts": parts}))


if __name__ == "__main__":
    main()
