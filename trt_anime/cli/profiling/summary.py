"""What `trt-anime profile` says at its end."""

from typing import Any

from trt_anime.cli.table import table

_COLUMNS = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
_TITLES = ["p50", "p90", "p99", "max"]


def frame_lines(facts: dict[str, Any]) -> list[str]:
    """Of stages frame by frame."""
    return [
        _figures("ms", facts["figures"]),
        "",
        f"{facts['fps']['steady']:.2f} FPS at steady state, {facts['fps']['over_all']:.2f} over all; "
        f"{_at_once(facts)}",
        f"memory: {_memory(facts)}",
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
        *(_pipeline_lines(pipeline) if pipeline else []),
        f"{facts['fps']['over_all']:.2f} FPS over all; "
        f"{facts['held']['reused']:.0%} of the frames held; networks ran "
        f"{sum(row['network_s'] for row in facts['passes']) / facts['elapsed_s']:.0%} of the time",
        f"memory: {_memory(facts)}",
    ]


_PASS = ("fps", "network_s", "open_s")
_MEMORY = ("peak_bytes", "device_bytes", "pinned_bytes")


def _pipeline_lines(facts: dict[str, Any]) -> list[str]:
    return [
        _figures("stage 2a frame by frame, ms", facts["figures"]),
        "",
        f"stage 2a: {facts['steady_fps']:.2f} FPS at steady state; {_at_once(facts)}",
    ]


def _figures(title: str, figures: list[dict[str, Any]]) -> str:
    rows = [[row["name"], str(row["count"]), *(f"{row[name]:.2f}" for name in _COLUMNS)] for row in figures]
    return table([title, "count", *_TITLES], rows)


def _at_once(facts: dict[str, Any]) -> str:
    return f"device idle {facts['device_idle']:.0%}, overlap {facts['overlap']:.2f}"


def _memory(facts: dict[str, Any]) -> str:
    found = facts["memory"]
    peak, device, pinned = (
        found[name] / 1e6 for name in ("resident_peak_bytes", "device_bytes", "pinned_bytes")
    )
    return f"{peak:.0f} MB of the process at most, {device:.0f} MB on the device, {pinned:.0f} MB pinned"
