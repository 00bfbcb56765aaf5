"""What takes a run's time and what to do about it: rules as data, each true of what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trt_anime.runtime.profiling.advice import OTHERS, Rule, told
from trt_anime.runtime.profiling.chain.stacks import Seen as Stack


@dataclass(frozen=True)
class Seen:
    """What the rules look at. Shares are of the time of a run.

    Attributes:
        top, top_s: the longest pass; `fps` of it.
        part, part_share: what most of its time went into, and how much of it.
        device: ``cpu`` or ``cuda``.
        network_share: of all networks together; `network`, `network_pass`: the one that takes most.
        provider: that runs it.
        views: share in which plates were drawn as each frame shows them.
        captions: share of the networks that describe frames in words.
        opening: share of opening networks.
        host: share that the host's own computing took in pass `host_pass`, where it took most; mostly in
            `functions`, words for people. `host_stage` is what that pass works for, `shot_by_shot` its way.
        matte: share of stage 2a's network, `matte_model`, in `matte_precision`.
        matte_leads: no other network takes more.
        tracking: share of the networks of stage 3; `tracker`: its method.
        writing, decoding: shares of writing pictures, and of decoding; waiting for them included.
        others: cores that other programs kept busy.
    """

    top: str
    top_s: float
    top_share: float
    frames: int
    fps: float
    part: str
    part_share: float
    device: str
    network: str
    network_pass: str
    network_share: float
    one_share: float
    provider: str
    host: float
    host_pass: str
    host_stage: str
    functions: str
    shot_by_shot: bool
    preset: str
    views: float
    captions: float
    opening: float
    matte: float
    matte_model: str
    matte_precision: str
    matte_leads: bool
    tracking: float
    tracker: str
    writing: float
    decoding: float
    others: float
    cores: int
    threads: int
    held: bool
    clip: str


_WORTH = 0.08  # of a run's time: less isn't worth a sentence
_MOST = 0.25
_MOST_NAMED = 3  # functions in a sentence

HEADLINE = (
    "{title} takes most: {top_share:.0%} of the time ({top_s:.1f} s, {fps:.2f} FPS), of which {part} took"
    " {part_share:.0%}."
)
_PARTS = {
    "network": "its networks",
    "compute": "the host's own computing",
    "decode": "decoding",
    "read files": "reading what other passes wrote",
    "write files": "writing pictures",
    "wait for frames": "waiting for frames to be decoded",
    "wait for writers": "waiting for pictures to be written",
    "wait": "waiting",
    "": "nothing",
}

_OPENVINO = "`--provider openvino` (`pip install 'trt-anime[openvino]'`)."

# What lightens the host's own work. A shot-by-shot pass has shots side by side from so many cores on.
_SEVERAL_SHOTS = 8
_LIGHTER: tuple[Rule[Seen], ...] = (
    Rule(
        lambda seen: seen.held and seen.preset != "fast",
        "`--preset fast` takes more frames for repeats, which are not worked on again",
    ),
    Rule(lambda seen: seen.host_stage == "2b", "look for fewer effects (`--effects`)"),
    Rule(
        lambda seen: seen.host_stage in ("2b", "2c", "3", "4"),
        "leave out stage {host_stage} (`--stages`) where nobody needs what it makes",
    ),
    Rule(
        lambda seen: seen.shot_by_shot and seen.cores < _SEVERAL_SHOTS,
        "on {several} cores and more it takes several shots at a time",
    ),
)


def _is_slow_matte(seen: Seen) -> bool:
    return seen.matte >= _MOST and seen.device == "cpu" and seen.matte_precision == "fp32"


def _is_openvino_worth(seen: Seen) -> bool:
    return seen.one_share >= _MOST and seen.provider == "CPUExecutionProvider"


RULES: tuple[Rule[Seen], ...] = (
    Rule(lambda seen: seen.others > 0.1 * seen.cores, OTHERS),
    Rule(
        lambda seen: seen.host >= _WORTH,
        "The host's own computing in pass `{host_pass}` took {host:.0%} of the time{functions}{lighter}.",
    ),
    Rule(
        lambda seen: seen.views >= _WORTH,
        "Drawing the plate as each frame shows it took {views:.0%} of the time: `--plate shot` keeps one "
        "plate a shot and leaves that out.",
    ),
    Rule(
        lambda seen: seen.captions >= _WORTH,
        "Captions took {captions:.0%} of the time: `stage4.captions` set to `none` leaves them out.",
    ),
    Rule(
        lambda seen: seen.tracking >= _MOST and seen.tracker != "flow",
        "The networks of stage 3 took {tracking:.0%} of the time: `stage3.method` set to `flow` follows "
        "characters without a network, less surely.",
    ),
    Rule(
        _is_slow_matte,
        "Stage 2a's network ({matte_model}) took {matte:.0%} of the time, in FP32: `trt-anime calibrate "
        "{matte_model} --frames {clip} --precision int8` makes an INT8 graph, which is used by itself "
        "where it is near enough and faster.{or_openvino}",
    ),
    Rule(
        lambda seen: _is_openvino_worth(seen) and not (seen.matte_leads and _is_slow_matte(seen)),
        "{network} (pass `{network_pass}`) took {one_share:.0%} of the time in ONNX Runtime: try "
        + _OPENVINO,
    ),
    Rule(
        lambda seen: seen.one_share >= _WORTH and seen.provider == "CUDAExecutionProvider",
        "{network} (pass `{network_pass}`) took {one_share:.0%} of the time without an engine: "
        "`trt-anime engines build {network} --gpu native --precision fp16`.",
    ),
    Rule(
        lambda seen: seen.network_share >= 0.5 and seen.device == "cpu",
        "Networks took {network_share:.0%} of the time on the CPU: a GPU lifts that; `trt-anime doctor` "
        "says what this machine has.",
    ),
    Rule(
        lambda seen: seen.opening >= _WORTH,
        "Opening networks took {opening:.0%} of this run, however long the clip: profile a longer one to "
        "see what lasts.",
    ),
    Rule(
        lambda seen: (
            0 < seen.threads < seen.cores and max(seen.decoding, seen.host, seen.writing) >= _WORTH
        ),
        "Only {threads} of {cores} cores may be used: `--threads` gives more to decoding ({decoding:.0%} "
        "of the time), computing and writing ({writing:.0%}).",
    ),
    Rule(
        lambda seen: seen.writing >= _MOST,
        "Writing pictures took {writing:.0%} of the time: write to a faster disk.",
    ),
    Rule(
        lambda seen: not seen.held,
        "Held frames are computed again: leave out `--no-held-frames`.",
    ),
)


def verdict(facts: Mapping[str, Any], stacks: Mapping[Stack, float]) -> dict[str, Any]:
    """What takes most, and what to do next, most useful first.

    Args:
        facts: the rest of the profile.
        stacks: of the run that `facts` was drawn from.
    """
    seen = _seen(facts, stacks)
    words = {
        **vars(seen),
        "part": _PARTS[seen.part],
        "title": f"The pass “{seen.top}”",
        "several": _SEVERAL_SHOTS,
        "openvino": _OPENVINO,
        "or_openvino": f" Or try {_OPENVINO}" if _is_openvino_worth(seen) and seen.matte_leads else "",
    }
    lighter = told(_LIGHTER, seen, words)
    words["lighter"] = f": {'; '.join(lighter)}" if lighter else ""
    return {
        "bound": seen.top,
        "busy": seen.top_share,
        "headline": HEADLINE.format(**words),
        "next": told(RULES, seen, words),
    }


def _seen(facts: Mapping[str, Any], stacks: Mapping[Stack, float]) -> Seen:
    rows, networks, choices = facts["passes"], facts["networks"], facts["choices"]
    elapsed_s = float(facts["elapsed_s"])
    top = max(rows, key=lambda row: float(row["s"]))
    part, part_s = next(iter(top["spent_s"].items()), ("", 0.0))
    one = max(networks, key=lambda row: float(row["share"]), default=None)
    matte = next((row for row in networks if row["stage"] == "2a"), None)
    host = max(rows, key=lambda row: float(row["spent_s"].get("compute", 0.0)))

    def share_of(*doing: str) -> float:
        own = sum(row["spent_s"].get(name, 0.0) for row in rows for name in doing)
        return float(own / elapsed_s)

    def share_in(stage: str, model: str = "") -> float:
        found = [row for row in networks if row["stage"] == stage and model in ("", row["model"])]
        return sum(float(row["share"]) for row in found)

    return Seen(
        top=top["name"],
        top_s=top["s"],
        top_share=top["share"],
        frames=top["frames"],
        fps=top["fps"],
        part=part,
        part_share=part_s / top["s"] if top["s"] else 0.0,
        device=facts["device"]["name"].partition(":")[0],
        network=one["model"] if one else "",
        network_pass=one["during"] if one else "",
        network_share=sum(float(row["network_s"]) for row in rows) / elapsed_s,
        one_share=one["share"] if one else 0.0,
        provider=one["provider"] if one else "",
        host=host["spent_s"].get("compute", 0.0) / elapsed_s,
        host_pass=host["name"],
        host_stage=host["stages"],
        functions=_functions(host["functions"]),
        shot_by_shot=host["cadence"] == "shot",
        preset=facts["options"]["preset"],
        views=_views(stacks) / elapsed_s,
        captions=share_in("4", choices["annotation"]["captions"]),
        opening=sum(float(row["open_s"]) for row in rows) / elapsed_s,
        matte=matte["share"] if matte else 0.0,
        matte_model=matte["model"] if matte else "",
        matte_precision=matte["precision"] if matte else "",
        matte_leads=matte is not None and matte is one,
        tracking=share_in("3"),
        tracker=choices["tracking"]["method"],
        writing=share_of("write files", "wait for writers"),
        decoding=share_of("decode", "wait for frames"),
        others=facts["others_cores_busy"],
        cores=facts["machine"]["usable_cores"],
        threads=facts["options"]["threads"],
        held=facts["options"]["held"],
        clip=facts["clip"]["path"],
    )


def _functions(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first few, as part of a sentence; nothing where none was seen."""
    named = [f"`{row['name']}` ({row['s']:.1f} s)" for row in rows[:_MOST_NAMED]]
    return f", most in {', '.join(named)}" if named else ""


def _views(stacks: Mapping[Stack, float]) -> float:
    """Seconds of the pass' own thread in drawing the plate for each frame."""
    name = "passes/plate.py _views"
    return sum(seconds for seen, seconds in stacks.items() if seen.leads and name in seen.places)
