"""What `benchmarks.bench` found, as a document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.pairs import Pair, table
from benchmarks.rembg_pairs import Facts, Measured, measured_of
from benchmarks.rembg_report import LOADED, QUIET, pairs_of_rembg, section

_HEAD = """\
# Speed against others

*Written by `python -m benchmarks.bench --write` (`make bench BENCH=--write`) out of docs/benchmarks.json;
don't edit.*"""

_HOW = """\
Times as fast: theirs over ours within a round, median of the rounds and (lowest–highest). Both ways take
turns in one run, on the same cores, frames and weights, and no result is reused for held frames. Nothing
was timed before both had been seen to give the same, see below."""  # noqa: RUF001

# What isn't plain about these stages, where they were measured.
_OF_NETWORKS = {
    "stage 1 mask2former-tiny": "In the whole chain MobileSAM has Mask2Former's place.",
    "stage 2c lama": "Stage 2c fills, in every frame, what the character layer hides.",
    "stage 3 xmem": "Stage 3 follows two characters, the halves of the first frame's matte, frame after"
    " frame: ours with the stage's graphs, its memory in tensors of fixed size and its bookkeeping beside"
    " them, theirs with the published inference loop in PyTorch, whose memory grows. Both see frames"
    " resized to 1080p, which the graphs are for, and remember the first one and every fifth after it.",
    "stage 4 blip-base": "Captions are of the first frame alone, up to 30 tokens, the likeliest one each"
    " time; the baseline's come from the library's `generate`, with its cache.",
}


@dataclass(frozen=True)
class Left:
    """A comparison that this machine could not make."""

    part: str
    reason: str


@dataclass
class Bench:
    """A whole run.

    Attributes:
        facts: what the numbers hold for.
        rembg: the comparison with rembg in full; None where it was left out.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    rembg: tuple[Facts, list[Measured]] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Out of JSON."""
        rembg = values["rembg"]
        return cls(
            dict(values["facts"]),
            [Pair.of(pair) for pair in values["pairs"]],
            [Left(**left) for left in values["left"]],
            rembg and (Facts(**rembg[0]), [measured_of(each) for each in rembg[1]]),
        )


def pairs_of(bench: Bench) -> list[Pair]:
    """All of them."""
    return [*(pairs_of_rembg(bench.rembg[1]) if bench.rembg else []), *bench.pairs]


def page_of(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    return document(Bench.of(content))


def document(bench: Bench) -> str:
    """Markdown."""
    facts, pairs = bench.facts, pairs_of(bench)
    where = (
        f"{facts['date']}, {facts['machine']}, of which everybody may use {facts['threads']}."
        f" {facts['versions']}. Other programs took {100 * facts['others']:.0f} % of the CPU time."
    )
    parts = [
        _HEAD,
        where,
        *([LOADED] if facts["others"] > QUIET else []),
        table(pairs),
        _HOW,
        *(f"Left out: {left.part} ({left.reason})." for left in bench.left),
        "## Seen to be the same",
        "\n".join(f"- {pair.name}, against {pair.other}: {pair.checked}." for pair in pairs),
        *_notes(pairs),
    ]
    if bench.rembg:
        parts += ["## rembg in detail", section(*bench.rembg)]
    return "\n\n".join(parts) + "\n"


def _notes(pairs: list[Pair]) -> list[str]:
    names = [pair.name for pair in pairs if "PyTorch" in pair.other]
    if not names:
        return []
    return [
        "## Sequential PyTorch",
        "The baseline is what one writes first: `cv2.VideoCapture`, for each frame the stages in PyTorch on"
        " all cores, `cv2.imwrite`, then the next frame. Its stages are the references that our graphs are"
        " checked against; they refine a matte over the whole picture, where the graph does so in the tiles"
        " that need it. Stages by themselves run on frames in memory, ours with as many frames at once as"
        " there are cores. Weights of u2netp and mobile-sam are the published ones, all others random in"
        " the published layout. `python -m benchmarks.sequential` has other stages and sizes, and"
        " `--device cuda`.",
        *(words for name, words in _OF_NETWORKS.items() if any(one.endswith(name) for one in names)),
    ]
