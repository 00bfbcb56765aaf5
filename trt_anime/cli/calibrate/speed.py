"""Is a typed graph faster on this CPU? Measured on the sessions that `process` runs."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trt_anime.errors import TrtAnimeError
from trt_anime.typed import Speed

PAIRS = 7
PROVIDERS = ("onnxruntime", "openvino")


def cpu_speeds(
    fp32: Path, typed: bytes, inputs: Mapping[str, Any], *, say: Callable[[str], None]
) -> tuple[Speed, ...]:
    """One frame's inputs through both, one thread each, in turn, with every provider that is installed.

    FP32 runs on ONNX Runtime, which `process` takes by itself.
    """
    from trt_anime.runtime.sessions.timing import timed_session

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "typed.onnx"
        path.write_bytes(typed)
        found = []
        for provider in PROVIDERS:
            try:
                with (
                    timed_session(fp32, "onnxruntime", inputs) as one,
                    timed_session(path, provider, inputs) as other,
                ):
                    found.append(_speed(provider, one, other))
            except TrtAnimeError as error:  # what was calibrated is worth keeping all the same
                say(f"not timed with {provider}: {error}")
    return tuple(found)


def _speed(provider: str, fp32: Callable[[], None], typed: Callable[[], None]) -> Speed:
    pairs = [(_seconds(fp32), _seconds(typed)) for _ in range(PAIRS + 1)][1:]  # the first warms up
    ratios = [slow / fast for slow, fast in pairs]
    return Speed(
        provider=provider,
        seconds=statistics.median(fast for _, fast in pairs),
        fp32_seconds=statistics.median(slow for slow, _ in pairs),
        ratio=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
    )


def _seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
