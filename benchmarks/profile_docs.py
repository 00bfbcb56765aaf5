"""The profile that the documentation shows, measured here: `python -m benchmarks.profile_docs`.

Profiles all stages of the sample clip with the preset `fast` on the CPU, and writes the report
`docs/profile_report.html`, its picture `docs/images/profile.png` (with Chromium), and figures in
`docs/profile.md`.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import profile_cost
from benchmarks.footage import CLIP
from benchmarks.machine import OtherLoad
from benchmarks.records import facts, keep
from trt_anime.cli.profiling.run import profiled_clip
from trt_anime.errors import MissingError
from trt_anime.files import write_bytes
from trt_anime.runtime.profiling.files import REPORT, write_profile

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "profile_report.html", DOCS / "images" / "profile.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMAND = "python -m benchmarks.profile_docs"
_QUOTED = ("fps", "runs", "held", "verdict", "passes", "networks", "pipeline")
_SIZE = (1280, 1960)  # down to the networks
_LARGEST_BYTES = 300_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep-cost", action="store_true", help="its lines stay as they are")
    parser.add_argument("--picture-only", action="store_true", help="of the report that is there")
    given = parser.parse_args()
    if not given.picture_only:
        load = OtherLoad()
        with tempfile.TemporaryDirectory() as folder:
            profile = profiled_clip(CLIP, Path(folder), runs=given.runs, device="cpu", preset="fast")
            write_profile(Path(folder), profile)
            shutil.copyfile(Path(folder) / REPORT, PAGE)
        if not given.keep_cost:
            keep("profile_cost", profile_cost.measured())
        where = facts(COMMAND, ("trt-anime", "onnxruntime")) | {"others": round(load.share(), 3)}
        keep("profile", where | {"profile": quoted(profile.facts)})
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


def text_of(content: Mapping[str, Any], costs: Mapping[str, Any]) -> str:
    """What docs/profile.md says of both records."""
    where = f"{content['date']}, {content['machine']}, other programs {content['others']:.0%} of the CPU."
    lines = [
        f"- cost ({costs['date']}, other programs {costs['others']:.0%} of the CPU) on"
        f" {profile_cost.line(device, row)}"
        for device, row in costs["devices"].items()
    ]
    found = content["profile"]
    return "\n".join([where, "", *_tables(found), *_sentences(found), *lines])


def quoted(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a profile, what the documentation shows."""
    return {name: _small(facts[name]) for name in _QUOTED}


def _small(value: Any) -> Any:
    """Without samples, and of a roofline without what lies within a stage: a record is small."""
    if isinstance(value, dict):
        return {name: _small(one) for name, one in value.items() if name != "samples_ms"}
    if isinstance(value, list):
        points = [one for one in value if not isinstance(one, dict) or one.get("level", "stage") == "stage"]
        return [_small(one) for one in points]
    return value


def _sentences(facts: dict[str, Any]) -> list[str]:
    runs = sorted(run["fps"] for run in facts["runs"])
    pipeline = facts["pipeline"]
    stage = next((point for point in pipeline["roofline"]["points"] if point["level"] == "stage"), None)
    reached = f", {stage['reached']:.0%} of its roof" if stage else ""
    return [
        f"- {facts['fps']['over_all']:.2f} FPS over all (runs from {runs[0]:.2f} to {runs[-1]:.2f});"
        f" {facts['held']['reused']:.0%} of the frames held",
        f"- {facts['verdict']['headline']}",
        *(f"- {sentence}" for sentence in facts["verdict"]["next"]),
        f"- stage 2a's network frame by frame: {pipeline['steady_fps']:.2f} FPS at steady state, overlap"
        f" {pipeline['overlap']:.2f}, device idle {pipeline['device_idle']:.1%}{reached}",
    ]


def _tables(facts: dict[str, Any]) -> list[str]:
    """Passes, networks, and the way of a frame through stage 2a's network."""
    passes = [
        f"| {row['name']} | {row['share']:.1%} | {row['s']:.2f} | {row['fps']:.2f} |"
        f" {row['network_s']:.2f} | {row['open_s']:.2f} | {', '.join(row['spent_s'])} |"
        for row in facts["passes"]
    ]
    networks = [
        f"| {row['name']} | {row['runs']:g} | {row['batch']} | {row['first_ms']:.2f} | {_spread(row)} |"
        for row in facts["networks"]
        if row["runs"]
    ]
    frames = [f"| {row['name']} | {_spread(row)} |" for row in facts["pipeline"]["figures"]]
    spread = "p50 | p90 | p99 | max |"
    return [
        "| pass | share | s | FPS | networks, s | opening, s | what it went into, most first |",
        "|---|---:|---:|---:|---:|---:|---|",
        *passes,
        "",
        f"| network, ms | runs | batch | first | {spread}",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *networks,
        "",
        f"| stage 2a frame by frame, ms | {spread}",
        "|---|---:|---:|---:|---:|",
        *frames,
        "",
    ]


def _spread(row: dict[str, Any]) -> str:
    return " | ".join(f"{row[name]:.2f}" for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))


if __name__ == "__main__":
    main()
