"""The planner against a profile of the whole chain: the one that docs/profile.md shows, on this CPU.

It measured its own ceilings, so nothing has to be run for it: `python -m benchmarks.profile_docs` did. What
the planner takes for a GPU is put for this CPU: all its cores' ceilings, nothing off them, and networks and
the rest of the work one after another on the same cores.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.tables import markdown
from trt_anime.runtime.planning.ceilings import Ceiling
from trt_anime.runtime.planning.costs import find
from trt_anime.runtime.planning.host import CORE_S_PER_MEGAPIXEL
from trt_anime.runtime.planning.known import COSTS
from trt_anime.runtime.planning.loads import loads_of_choices
from trt_anime.runtime.planning.memory import PIPELINE, line_bytes
from trt_anime.runtime.planning.prediction import run_s

Profile = Mapping[str, Any]
COMMAND = "python -m benchmarks.profile_docs"
PRESET, SIZE = "fast", (1280, 720)  # of that profile
# Work of the host, not waiting for anything.
_HOST = ("compute", "decode", "read files", "write files")


def chain_found(record: Mapping[str, Any]) -> dict[str, Any]:
    """Predicted and measured, of the record of a profile.

    Raises MissingError: a graph of it was not counted. KeyError: it is no such record.
    """
    profile = record["profile"]
    cores = max(one["threads"] for one in profile["pipeline"]["ceilings"])
    ceiling = _ceiling(profile, cores)
    fresh = profile["held"]["computed"]
    return {
        "date": record["date"],
        "machine": record["machine"],
        "others": record["others"],
        "cores": cores,
        "frames": profile["held"]["frames"],
        "fresh": fresh,
        "flops_per_s": ceiling.flops_per_s["fp32"],
        "bytes_per_s": ceiling.bytes_per_s,
        "networks": _networks(profile, ceiling, cores),
        "host": {"predicted": CORE_S_PER_MEGAPIXEL * _pixels() / 1e6, "measured": _host_s(profile) / fresh},
        "fps": {"measured": profile["fps"]["over_all"]},
        "memory": _memory(profile, cores),
    }


def section(found: Mapping[str, Any]) -> str:
    """Markdown."""
    networks = found["networks"]
    rows = [
        [
            row["graph"],
            *(f"{row[kind]['runs']:.3f}" for kind in _KINDS),
            *(f"{1000 * row[kind]['run_s']:.0f}" for kind in _KINDS),
            _error(row["predicted"]["run_s"], row["measured"]["run_s"]),
            *(f"{1000 * row[kind]['frame_s']:.0f}" for kind in _KINDS),
            _error(row["predicted"]["frame_s"], row["measured"]["frame_s"]),
        ]
        for row in networks
    ]
    times = {kind: sum(row[kind]["frame_s"] for row in networks) for kind in _KINDS}
    as_often = sum(row["predicted"]["run_s"] * row["measured"]["runs"] for row in networks)
    host, fps = found["host"], found["fps"]
    predicted = predicted_fps(found)
    titles = ["network", "runs a frame", "measured", "ms a run", "measured", "error"]
    return "\n\n".join(
        [
            "## A whole chain, against its profile",
            f"{found['date']}, {found['machine']}, other programs {100 * found['others']:.0f} % of the CPU:"
            f" the profile that [docs/profile.md](profile.md#a-real-one) shows (`{COMMAND}`), preset"
            f" `{PRESET}`, {SIZE[0]}x{SIZE[1]}, {found['fresh']} of {found['frames']} frames fresh."
            f" Predicted from the ceilings that it measured with {found['cores']} threads"
            f" ({found['flops_per_s'] / 1e9:.0f} GFLOP/s, {found['bytes_per_s'] / 1e9:.0f} GB/s), and runs"
            " from the shots and characters that are assumed. A frame is a fresh one.",
            markdown([*titles, "ms a frame", "measured", "error"], rows),
            f"- networks: {1000 * times['predicted']:.0f} ms a frame predicted,"
            f" {1000 * times['measured']:.0f} measured:"
            f" {_error(times['predicted'], times['measured'])}; as often as they ran"
            f" {1000 * as_often:.0f}: {_error(as_often, times['measured'])}\n"
            f"- all other work: {host['predicted']:.2f} s of a core a frame predicted,"
            f" {host['measured']:.2f} measured (threads seen at it):"
            f" {_error(host['predicted'], host['measured'])}\n"
            f"- the whole: {predicted:.2f} FPS predicted, {fps['measured']:.2f} measured (held frames in"
            f" both): {_error(predicted, fps['measured'])}",
            "Memory: the matte's pass against what its memory plan set aside; the others' networks against"
            " how far the process' peak in that pass lay above its peak in passes without networks, in"
            " which the pass' own pictures are, too, that nothing predicts.",
            markdown(
                ["pass", "predicted MB", "measured MB", "error"],
                [
                    [
                        row["pass"],
                        *(f"{row[kind] / 1e6:.0f}" for kind in _KINDS),
                        _error(row["predicted"], row["measured"]),
                    ]
                    for row in found["memory"]
                ],
            ),
        ]
    )


_KINDS = ("predicted", "measured")


def predicted_fps(found: Mapping[str, Any]) -> float:
    """Networks and the rest one after another, on the same cores."""
    frame_s = sum(row["predicted"]["frame_s"] for row in found["networks"])
    frame_s += found["host"]["predicted"] / found["cores"]
    return float(found["frames"] / found["fresh"] / frame_s)


def _ceiling(profile: Profile, cores: int) -> Ceiling:
    rates = {
        one["name"]: one["rate"]
        for one in profile["pipeline"]["ceilings"]
        if one["threads"] == cores and one["precision"] in ("", "fp32")
    }
    return Ceiling(
        "this CPU",
        "of the profile",
        {"fp32": rates["matmul"]},
        rates["copy"],
        math_share=1.0,
        copy_share=1.0,
        kernel_s=5e-6,
        fuses=False,
    )


def _networks(profile: Profile, ceiling: Ceiling, cores: int) -> list[dict[str, Any]]:
    """A row for each graph that ran, over all passes; the matte's runs go side by side, one a core."""
    every = {(load.stage, load.model, load.graph): load.every for load in _loads(profile)}
    ran: dict[tuple[str, str, str], list[Any]] = {}
    for one in profile["networks"]:
        if one["runs"]:
            ran.setdefault((one["stage"], one["model"], one["graph"]), []).append(one)
    rows = []
    for (stage, model, graph), passes in ran.items():
        run = run_s(find(COSTS, model, graph), ceiling, pixels=_pixels(), precision="fp32")
        per_frame = sum(one["runs_per_fresh_frame"] for one in passes)
        frame_s = sum(one["p50_ms"] / 1000 * one["runs_per_fresh_frame"] for one in passes)
        frame_s /= cores if graph == PIPELINE else 1
        rate = 1 / every[stage, model, graph]
        rows.append(
            {
                "graph": f"{stage} {model} {graph}",
                "predicted": {"runs": rate, "run_s": run, "frame_s": run * rate},
                "measured": {"runs": per_frame, "run_s": frame_s / per_frame, "frame_s": frame_s},
            }
        )
    return rows


def _loads(profile: Profile) -> Sequence[Any]:
    from trt_anime.runtime.passes.choices import PRESETS

    stages = list(dict.fromkeys(network["stage"] for network in profile["networks"]))
    return loads_of_choices(PRESETS[PRESET], stages)


def _host_s(profile: Profile) -> float:
    """Seconds in which threads were seen at work of their own."""
    return sum(
        float(seconds)
        for one in profile["passes"]
        for part in ("own_thread_s", "helpers_s")
        for doing, seconds in one[part].items()
        if doing in _HOST
    )


def _memory(profile: Profile, cores: int) -> list[dict[str, Any]]:
    loads = {(load.stage, load.model, load.graph): load for load in _loads(profile)}
    idle = sorted(one["peak_bytes"] for one in profile["passes"] if not one["networks"])
    rows = []
    for one in profile["passes"]:
        if not one["networks"]:
            continue
        used = [
            loads[network["stage"], network["model"], network["graph"]]
            for network in profile["networks"]
            if network["during"] == one["name"]
        ]
        is_matte = any(load.graph == PIPELINE for load in used)
        measured = one["device_bytes"] if is_matte else one["peak_bytes"] - idle[len(idle) // 2]
        predicted = _predicted_bytes(used, cores if is_matte else 1)
        rows.append({"pass": one["name"], "predicted": predicted, "measured": measured})
    return rows


def _predicted_bytes(loads: Iterable[Any], at_once: int) -> float:
    found = 0.0
    for load in loads:
        costs = find(COSTS, load.model, load.graph)
        found += line_bytes(load, costs, pixels=_pixels(), precision="fp32", at_once=at_once)
    return found


def _pixels() -> float:
    return float(SIZE[0] * SIZE[1])


def _error(predicted: float, measured: float) -> str:
    return f"{100 * (predicted / measured - 1):+.0f} %"
