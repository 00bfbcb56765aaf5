"""What the layers of a network take inside its engines, as TensorRT's profiler tells them."""

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.part_parity import Opened, engine_ways, example_frames, on_cpu
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.same import require_as_cpu
from trt_anime.errors import EngineError, MissingError

if TYPE_CHECKING:
    from trt_anime.runtime.profiling.layers import Layer

MOST = 20
HEAD = ("layer", "kind", "part", "ms", "share", "output")


def steps(context: Context) -> list[Step]:
    """One for each library that compiles engines; in a rehearsal ONNX Runtime's own profile."""
    ways = {"ONNX Runtime CPU": on_cpu} if context.rehearsal else engine_ways()
    return [Step(name, partial(_timed, context, opened), least_s=60) for name, opened in ways.items()]


def tables_of(title: str, words: str, layers: "list[Layer]") -> tuple[Table, Table]:
    """The layers that take most, and the parts of the graph that they are of."""
    total = sum(layer.ms for layer in layers)
    largest = sorted(layers, key=lambda layer: -layer.ms)[:MOST]
    rows = [
        (
            layer.name,
            layer.kind,
            layer.part,
            f"{layer.ms:.3f}",
            f"{layer.ms / total:.0%}",
            ", ".join(layer.outputs),
        )
        for layer in largest
    ]
    parts: list[tuple[str, ...]] = []
    for part in dict.fromkeys(layer.part for layer in layers):
        some = [layer.ms for layer in layers if layer.part == part]
        parts.append((part, str(len(some)), f"{sum(some):.3f}", f"{sum(some) / total:.0%}"))
    return (
        Table(f"Layers by {title}", f"{words} The {len(rows)} that take most.", HEAD, rows),
        Table(f"Parts by {title}", words, ("part", "layers", "ms", "share"), parts),
    )


def _timed(context: Context, opened: Opened) -> Seen:
    """Raises EngineError: too far from the CPU, or the profiler tells nothing. MissingError: no library."""
    from trt_anime.export import graphs
    from trt_anime.runtime.profiling.layers import timer_for
    from trt_anime.runtime.sessions.running import Running

    graph, frame = graphs.ensure(MODEL)["matte"], example_frames(context, 1)[0]
    with context.opened() as device, opened(graph, device) as session:
        with Running(session, device, {"frame": frame.shape}) as running:
            checked = require_as_cpu(graph, running, [frame], session.origin.provider)
            whole_ms = 1000 * running.seconds(**({"warm_up": 0, "repeats": 2} if context.rehearsal else {}))
        timer = timer_for(session, device, threads=2)
        if timer is None:
            raise MissingError(f"nothing times layers of {session.origin.provider}")
        layers = timer.layers({"frame": frame})
    total_ms = sum(layer.ms for layer in layers)
    if not total_ms:
        raise EngineError(f"{len(layers)} layers were told, none of which took any time")
    height, width = frame.shape[1:3]
    words = (
        f"{MODEL}, {width}x{height}, {session.origin.precision}, {timer.title}. {len(layers)} layers,"
        f" {total_ms:.3f} ms together; a run as the pipeline runs it {whole_ms:.3f} ms."
    )
    seen = f"against the CPU: {checked}; {len(layers)} layers, {total_ms:.3f} ms of {whole_ms:.3f} ms"
    return Seen(seen, tables_of(session.origin.provider, words, layers))
