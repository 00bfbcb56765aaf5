"""A run over several stages as a timeline: passes, shots, networks, below them the pipeline's work."""

from collections import Counter

from trt_anime.runtime.profiling.chain.recording import ChainRecording
from trt_anime.runtime.profiling.spans import Recording, Span

# Pieces of work of one kind; passes and shots are few.
_MOST = 1500
_THERE = ("compute", "copy")  # tracks of the pipeline that are among the run's networks and copies


def shown(recording: ChainRecording) -> Recording:
    """For the trace and the report; of each kind of work the first ones."""
    pipeline = recording.pipeline or Recording()
    found = Recording(device=recording.device, title=recording.title, samples=recording.samples)
    found.depth, found.lanes, found.batch = pipeline.depth, pipeline.lanes, pipeline.batch
    found.spans += [span._replace(layers="") for span in _first(recording.spans)]
    found.spans += _first([span for span in pipeline.spans if not span.track.startswith(_THERE)])
    return found


def _first(spans: list[Span]) -> list[Span]:
    counted: Counter[str] = Counter()
    found = []
    for span in sorted(spans, key=lambda span: span.start_s):
        counted[span.what] += 1
        if counted[span.what] <= _MOST:
            found.append(span)
    return found
