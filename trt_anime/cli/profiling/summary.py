"""What `trt-anime profile` says at its end."""

from typing import Any

from trt_anime.cli.table import table

_COLUMNS = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
_TITLES = ["p50", "p90", "p99", "max"]


def frame_lines(facts: dict[str, Any]) -> list[str]:
    """Of stages frame by frame."""
    return [
        *_frames("", facts, facts["fps"]["steady"]),
        f"{facts['fps']['over_all']:.2f} FPS over all",
        _memory(facts),
    ]


def chain_lines(facts: dict[str, Any]) -> list[str]:
    """Of passes and their networks, and of stage 2a's frame by frame."""
    passes = [
        [row["name"], f"{row['share']:.1%}", f"{row['s']:.2f}", *(f"{row[name]:.2f}" for name in _PASS)]
        + [f"{row[name] / 1e6:.0f}" for name in _MEMORY]
        for row in facts["passes"]
    ]
    passes.append(["the rest", f"{facts['rest']['share']:.1%}", f"{facts['rest']['s']:.2f}", *[""] * 6])
    networks = [
        [row["name"], f"{row['runs']:g}", *(f"{row[name]:.2f}" for name in _COLUMNS), f"{row['share']:.1%}"]
        for row in facts["networks"]
        if row["runs"]
    ]
    titles = ["pass", "share", "s", "FPS", "networks s", "opening s", "peak MB", "device MB", "pinned MB"]
    pipeline = facts["pipeline"]
    return [
        table(titles, passes),
        "",
        *([table(["network, ms", "runs", *_TITLES, "share"], networks), ""] if networks else []),
        *(_frames("stage 2a frame by frame, ", pipeline, pipeline["steady_fps"]) if pipeline else []),
        f"{facts['fps']['over_all']:.2f} FPS over all; "
        f"{facts['held']['reused']:.0%} of the frames held; networks ran "
        f"{sum(row['network_s'] for row in facts['passes']) / facts['elapsed_s']:.0%} of the time",
        _memory(facts),
    ]


_PASS = ("fps", "network_s", "open_s")
_MEMORY = ("peak_bytes", "device_bytes", "pinned_bytes")


def _frames(whose: str, facts: dict[str, Any], steady_fps: float) -> list[str]:
    rows = [
        [row["name"], str(row["count"]), *(f"{row[name]:.2f}" for name in _COLUMNS)]
        for row in facts["figures"]
    ]
    return [
        table([f"{whose}ms", "count", *_TITLES], rows),
        "",
        f"{whose}{steady_fps:.2f} FPS at steady state; device idle {facts['device_idle']:.0%}, "
        f"overlap {facts['overlap']:.2f}",
    ]


def _memory(facts: dict[str, Any]) -> str:
    found = facts["memory"]
    peak, device, pinned = (
        found[name] / 1e6 for name in ("resident_peak_bytes", "device_bytes", "pinned_bytes")
    )
    places = f"{device:.0f} MB on the device, {pinned:.0f} MB pinned"
    return f"memory: {peak:.0f} MB of the process at most, {places}"
