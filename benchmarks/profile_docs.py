"""The profile that the documentation shows, measured here: `python -m benchmarks.profile_docs`.

Profiles the sample clip with u2netp on the CPU, and writes `docs/profile_report.html`, its picture
`docs/images/profile.png` (with Chromium), and the figures in `docs/profile.md`.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.footage import CLIP
from benchmarks.machine import OtherLoad, cpu, now
from benchmarks.profile_cost import cost
from trt_anime.cli.profiling.run import profiled_clip
from trt_anime.errors import MissingError
from trt_anime.files import write_bytes, write_text
from trt_anime.runtime.profiling.files import REPORT, write_profile

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE, TEXT = DOCS / "profile_report.html", DOCS / "images" / "profile.png", DOCS / "profile.md"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BEGIN, _END = "<!-- measured by benchmarks.profile_docs -->", "<!-- end -->"
_SIZE = (1280, 2140)  # down to the timeline
_LARGEST_BYTES = 300_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=5, help="of the cost; 0 leaves its lines as they are")
    parser.add_argument("--picture-only", action="store_true", help="of the report that is there")
    given = parser.parse_args()
    if not given.picture_only:
        load = OtherLoad()
        with tempfile.TemporaryDirectory() as folder:
            profile = profiled_clip(CLIP, Path(folder), runs=given.runs, device="cpu", model="u2netp")
            write_profile(Path(folder), profile)
            shutil.copyfile(Path(folder) / REPORT, PAGE)
        costs = [cost(device, given.pairs).line() for device in ("cpu", "null")] if given.pairs else None
        _write_figures(
            profile.facts, f"{now()}, {cpu()}, other programs {load.share():.0%} of the CPU", costs
        )
    write_picture(PAGE, PICTURE)


def write_picture(page: Path, target: Path) -> None:
    """The page's upper part, light beside dark. Raises MissingError: no browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise MissingError(
            f"{target}: needs a browser that draws it: {', '.join(BROWSERS)}; install chromium"
        )
    halves = [_screenshot(browser, page, scheme) for scheme in ("light", "dark")]
    middle = halves[0].shape[1] // 2
    both = np.hstack([halves[0][:, :middle], halves[1][:, middle:]])
    for width in (1280, 1120, 960, 800):
        height = round(both.shape[0] * width / both.shape[1])
        small = cv2.resize(both, (width, height), interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        if len(data) <= _LARGEST_BYTES:
            break
    write_bytes(target, data)


def _screenshot(browser: str, page: Path, scheme: str) -> NDArray[np.uint8]:
    """uint8 [height, width, 3] BGR."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "page.png"
        words = [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--user-data-dir={folder}/profile",
            "--virtual-time-budget=3000",
            f"--blink-settings=preferredColorScheme={'1' if scheme == 'light' else '0'}",
            f"--window-size={_SIZE[0]},{_SIZE[1]}",
            f"--screenshot={target}",
            page.resolve().as_uri(),
        ]
        subprocess.run(words, check=True, capture_output=True, timeout=120)
        return np.asarray(cv2.imread(str(target)), np.uint8)


def _write_figures(facts: dict[str, Any], where: str, costs: list[str] | None) -> None:
    text = TEXT.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    old, _, after = rest.partition(_END)
    kept = re.findall(r"^- cost on .*$", old, re.MULTILINE)
    lines = [f"- cost on {line}" for line in costs] if costs is not None else kept
    block = "\n".join([_BEGIN, f"{where}.", "", *_table(facts), "", *_sentences(facts), *lines, _END])
    write_text(TEXT, before + block + after)


def _sentences(facts: dict[str, Any]) -> list[str]:
    runs = sorted(run["steady_fps"] for run in facts["runs"])
    stage = next((point for point in facts["roofline"]["points"] if point["level"] == "stage"), None)
    reached = f", {stage['reached']:.0%} of its roof" if stage else ""
    return [
        f"- {facts['fps']['steady']:.2f} FPS at steady state (runs from {runs[0]:.2f} to {runs[-1]:.2f}),"
        f" {facts['fps']['over_all']:.2f} over all; {facts['held']['reused']:.0%} of the frames held",
        f"- {facts['verdict']['headline']}",
        f"- overlap {facts['overlap']:.2f}, device idle {facts['device_idle']:.1%}{reached}",
    ]


def _table(facts: dict[str, Any]) -> list[str]:
    rows = [
        f"| {row['name']} | {row['p50_ms']:.2f} | {row['p90_ms']:.2f} | {row['p99_ms']:.2f} |"
        f" {row['max_ms']:.2f} |"
        for row in facts["figures"]
    ]
    return ["| ms | p50 | p90 | p99 | max |", "|---|---:|---:|---:|---:|", *rows]


if __name__ == "__main__":
    main()
