"""What `trt-anime profile` says at its end."""

from typing import Any

from trt_anime.cli.table import table

_COLUMNS = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
_TITLES = ["p50", "p90", "p99", "max"]


def frame_lines(facts: dict[str, Any]) -> list[str]:
    """Of stages frame by frame."""
    rows = [
        [row["name"], str(row["count"]), *(f"{row[name]:.2f}" for name in _COLUMNS)]
        for row in facts["figures"]
    ]
    return [
        table(["ms", "count", *_TITLES], rows),
        "",
        f"{facts['fps']['steady']:.2f} FPS at steady state, {facts['fps']['over_all']:.2f} over all; "
        f"device idle {facts['device_idle']:.0%}, overlap {facts['overlap']:.2f}",
    ]


def chain_lines(facts: dict[str, Any]) -> list[str]:
    """Of passes and their networks."""
    passes = [
        [row["name"], f"{row['share']:.1%}", f"{row['s']:.2f}", *(f"{row[name]:.2f}" for name in _PASS)]
        for row in facts["passes"]
    ]
    passes.append(["the rest", f"{facts['rest']['share']:.1%}", f"{facts['rest']['s']:.2f}", "", "", ""])
    networks = [
        [row["name"], f"{row['runs']:g}", *(f"{row[name]:.2f}" for name in _COLUMNS), f"{row['share']:.1%}"]
        for row in facts["networks"]
        if row["runs"]
    ]
    return [
        table(["pass", "share", "s", "FPS", "networks s", "opening s"], passes),
        "",
        *([table(["network, ms", "runs", *_TITLES, "share"], networks), ""] if networks else []),
        f"{facts['fps']['over_all']:.2f} FPS over all; "
        f"{facts['held']['reused']:.0%} of the frames held; "
        f"{facts['memory']['resident_peak_bytes'] / 1e6:.0f} MB at most",
    ]


_PASS = ("fps", "network_s", "open_s")
