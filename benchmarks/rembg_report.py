"""The comparison with rembg as Markdown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.contenders import Timing
from benchmarks.graph_profile import OTHER
from benchmarks.pairs import Pair
from benchmarks.tables import Spread, markdown, paired_ratio

if TYPE_CHECKING:
    from benchmarks.rembg_pairs import Facts, Measured

# (must reach, should reach), times as fast as rembg's library
GOALS = {"720p": (1.2, 1.4), "1080p": (1.5, 1.7)}

QUIET = 0.05  # most of the CPU time that other programs may take
LOADED = (
    "**The machine was not quiet: don't quote these numbers, the ratios neither. rembg's threads wait for"
    " each other after every operator, so other load slows it more than it slows us.**"
)

PAIRS = (
    ("commands, PNG folder in", "our command", "rembg command"),
    ("commands, ours from mp4", "our command, mp4", "rembg command"),
    ("libraries, warm", "our library", "rembg library"),
)


def report(facts: "Facts", results: "Sequence[Measured]") -> str:
    """The whole document."""
    return (
        "\n\n".join(
            [
                "# Speed against rembg",
                f"*Written by `{facts.command}`.*",
                section(facts, results),
            ]
        )
        + "\n"
    )


def section(facts: "Facts", results: "Sequence[Measured]") -> str:
    """Without a headline."""
    return "\n\n".join(
        [
            _setting(facts, results),
            *([LOADED] if facts.others > QUIET else []),
            _speeds(results),
            *([] if facts.others > QUIET else [_verdict(results)]),
            "### Where the time goes",
            _parts_note(facts),
            _parts(results),
        ]
    )


def _setting(facts: "Facts", results: "Sequence[Measured]") -> str:
    agreement = "".join(f"\n- {result.size}: {result.agreement}." for result in results)
    return (
        f"{facts.date}, {facts.cpu}, of which both programs may use {facts.threads}. {facts.versions}."
        f" Load average before {facts.load_before}, after {facts.load_after};"
        f" other programs took {100 * facts.others:.0f} % of the CPU time.\n\n"
        f"Both run the published U²-Net small (`{facts.model_sha256[:12]}…`) in FP32 with {facts.threads}"
        " threads over the same frames of `samples/first_light.mp4` (at 1080p enlarged) and write RGBA PNG"
        " files; no result is reused for held frames. Ours also refines alpha at full resolution and"
        " estimates the foreground colour, rembg (as it comes) does neither. Checked before timing:\n"
        f"{agreement}"
    )


def _speeds(results: "Sequence[Measured]") -> str:
    rows = []
    for result in results:
        for title, ours, theirs in PAIRS:
            mine, others = (_milliseconds(result.rounds[name]) for name in (ours, theirs))
            ratio = paired_ratio(others, mine).text(2)
            rows.append(
                [
                    f"{result.size}, {title}",
                    Spread.of(mine).text(),
                    Spread.of(others).text(),
                    f"**{ratio}**",
                ]
            )
    rounds = len(results[0].rounds["our library"])
    head = ["ms a frame, median (lowest–highest)", "trt-anime", "rembg", "times as fast"]  # noqa: RUF001
    note = (
        f"Rounds: {rounds}, of {results[0].frames} frames; the ratio is taken within each round. The"
        " commands' times include their start, which a longer clip spreads thinner. The libraries' don't:"
        " rembg runs `Image.open`, `remove`, `save` in a loop after one frame to warm up, ours is"
        " `process_clip` from the first decoded frame to the last written file."
    )
    return f"{markdown(head, rows)}\n\n{note}"


def _verdict(results: "Sequence[Measured]") -> str:
    lines = []
    for result in results:
        floor, aim = GOALS[result.size]
        ours, theirs = (_milliseconds(result.rounds[name]) for name in ("our library", "rembg library"))
        ratio = paired_ratio(theirs, ours).median
        reached = (
            "reaches the aim"
            if ratio >= aim
            else "above the floor"
            if ratio >= floor
            else "below the floor"
        )
        lines.append(f"- {result.size}: {ratio:.2f} times, {reached} (floor {floor}, aim {aim}).")
    return "\n".join(lines)


def pairs_of_rembg(results: "Sequence[Measured]") -> list[Pair]:
    """A pair for each row of the table; the floor holds for the libraries."""
    return [
        Pair(
            f"{result.size}, character layer by u2netp, {title}",
            "rembg",
            _milliseconds(result.rounds[ours]),
            _milliseconds(result.rounds[theirs]),
            str(result.agreement),
            floor=GOALS[result.size][0] if ours == "our library" else None,
        )
        for result in results
        for title, ours, theirs in PAIRS
    ]


def _parts_note(facts: "Facts") -> str:
    return (
        "Milliseconds of work a frame, median over the rounds. rembg does one thing after the other; ours"
        f" overlap: {facts.threads} runs of the graph in one thread each, beside a decoding and an encoding"
        " thread, so a row is busy time including the wait for a core. The last four rows split a run of"
        " our graph, profiled alone in one thread."
    )


def _parts(results: "Sequence[Measured]") -> str:
    rows = [
        ["rembg: read PNG", *(_part(result, "rembg library", "decode") for result in results)],
        ["rembg: network", *(_part(result, "rembg library", "network") for result in results)],
        [
            "rembg: resize, normalise, cut out",
            *(_part(result, "rembg library", "around") for result in results),
        ],
        ["rembg: write PNG", *(_part(result, "rembg library", "encode") for result in results)],
        ["ours: read PNG", *(_part(result, "our library", "decode") for result in results)],
        ["ours: graph", *(_part(result, "our library", "infer") for result in results)],
        ["ours: write PNG", *(_part(result, "our library", "encode") for result in results)],
    ]
    names = {
        "prepare": "resize, normalise",
        "network": "network",
        "finish": "refine, colour, assemble",
        OTHER: "memory layout changes (ONNX Runtime's)",
    }
    rows += [
        [f"graph: {title}", *(f"{result.graph[part]:.0f}" for result in results)]
        for part, title in names.items()
    ]
    return markdown(["ms of work a frame", *(result.size for result in results)], rows)


def _part(result: "Measured", way: str, part: str) -> str:
    return f"{1000 * Spread.of([timing.parts[part] for timing in result.rounds[way]]).median:.0f}"


def _milliseconds(timings: "Sequence[Timing]") -> list[float]:
    return [1000 * timing.seconds for timing in timings]
