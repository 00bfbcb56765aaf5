"""What is kept of one run over several stages."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from trt_anime.runtime.profiling.chain.stacks import Seen
from trt_anime.runtime.profiling.spans import COPY_IN, COPY_OUT, STAGE, Recording, Sample, Span

# Kinds of work of a run, each followed by its name.
PASS = "pass "
NETWORK = "network "
OPEN = "open "
SHOT = "shot"
FIRST = "first"  # in `Span.layers`: of a network's runs since it was opened

PASSES, SHOTS, NETWORKS, COPIES = "passes", "shots", "networks", "copies"  # tracks


@dataclass(frozen=True)
class NetworkFacts:
    """A network as it ran in a pass.

    Attributes:
        during: the pass.
    """

    during: str
    stage: str
    model: str
    graph: str
    provider: str
    library: str
    precision: str
    file: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.model} {self.graph} ({self.during})"


@dataclass
class ChainRecording:
    """One run.

    Attributes:
        spans: of passes, shots, networks (by `NetworkFacts.name`), copies and openings (by model and pass).
        frames: of the clip that each pass told of.
        networks: by name.
        batches: by name of a network, how often it ran with how many.
        size_bytes: that copies moved, by the name of their spans.
        allocated: by pass and ``device`` or ``pinned``, bytes that its networks took.
        stacks: see `stacks`.
        looking_s: CPU time that looking at stacks and memory took.
        pipeline: of stage 2a's network; None where that didn't run.
    """

    device: str = ""
    title: str = ""
    spans: list[Span] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    frames: dict[str, int] = field(default_factory=dict)
    networks: dict[str, NetworkFacts] = field(default_factory=dict)
    batches: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    size_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    allocated: dict[str, dict[str, int]] = field(default_factory=dict)
    stacks: dict[Seen, float] = field(default_factory=dict)
    looking_s: float = 0.0
    pipeline: Recording | None = None

    def of(self, start: str) -> list[Span]:
        """Spans whose kind begins so, in the order in which they ended."""
        return [span for span in self.spans if span.what.startswith(start)]

    def pass_names(self) -> list[str]:
        """In the order in which they ran; what runs twice is there once."""
        return list(dict.fromkeys(span.what.removeprefix(PASS) for span in self.of(PASS)))

    def within(self, name: str) -> list[Span]:
        """The spans of a pass itself."""
        return [span for span in self.spans if span.what == PASS + name]

    def take_pipeline(self, recording: Recording, during: str) -> None:
        """Show the network of stage 2a, and its copies, as those of other passes."""
        self.pipeline = recording
        ran = self.within(during)[0]
        recording.samples += [one for one in self.samples if ran.start_s <= one.at_s <= ran.end_s]
        self.device, self.title = recording.device, recording.title
        planned = {place: 0 for place in ("device", "pinned")}
        for item in recording.plan:
            planned[item.place] += item.total_bytes
        self.allocated[during] = planned
        self._opened(recording, during)
        for stage in recording.stages:
            facts = NetworkFacts(
                *(during, stage.number, stage.model, "matte"),
                *(stage.provider, stage.library, stage.precision, stage.file, stage.sha256),
            )
            self.networks[facts.name] = facts
            rows = {batch.frame: batch.pictures for batch in recording.written}
            lanes: dict[str, str] = {}
            for span in sorted(recording.of(STAGE + stage.number), key=lambda span: span.start_s):
                first = FIRST if span.track not in lanes else ""
                track = lanes.setdefault(span.track, f"{NETWORKS} {len(lanes) + 1}" if lanes else NETWORKS)
                self.batches[facts.name][rows.get(span.frame, recording.batch)] += 1
                self.spans.append(span._replace(what=NETWORK + facts.name, track=track, layers=first))
            for what in (COPY_IN, COPY_OUT):
                name = f"{what} {stage.model} ({during})"
                for span in recording.of(what):
                    self.spans.append(span._replace(what=name, track=COPIES, layers=""))
                self.size_bytes[name] += recording.copy_bytes[what] * len(recording.of(what))

    def _opened(self, recording: Recording, during: str) -> None:
        """The pipeline's network is opened, and its memory taken, until the first frame is decoded."""
        start_s = self.within(during)[0].start_s
        end_s = min(span.start_s for span in recording.spans)
        models = ", ".join(stage.model for stage in recording.stages)
        self.spans.append(Span(f"{OPEN}{models} ({during})", NETWORKS, start_s, end_s, -1))
