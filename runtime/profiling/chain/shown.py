"""A run over several stages as a timeline: passes, shots, networks, below them the pipeline's work."""

from trt_anime.runtime.profiling.chain.recording import ChainRecording
from trt_anime.runtime.profiling.spans import Recording

_THERE = ("compute", "copy")  # tracks of the pipeline that are among the run's networks and copies


def shown(recording: ChainRecording) -> Recording:
    """For the trace and the report."""
    pipeline = recording.pipeline or Recording()
    found = Recording(device=recording.device, title=recording.title, samples=recording.samples)
    found.spans += [span._replace(layers="") for span in recording.spans]
    found.spans += [span for span in pipeline.spans if not span.track.startswith(_THERE)]
    return found
