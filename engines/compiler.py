"""A typed graph through TensorRT's builder. Runs in a process of its own: see `worker`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_anime.engines.library import Library, said_last
from trt_anime.engines.manifest import Profile
from trt_anime.engines.readback import Shares, layer_precision, product_precision
from trt_anime.engines.targets import Target
from trt_anime.engines.timing_cache import TimingCache
from trt_anime.errors import EngineError

# Names what `compiled` sets; part of an engine's key, so change it together with the code.
BUILD_FLAGS = ("strongly_typed", "profiling_verbosity=detailed", "tf32=off", "rtx:require_user_allocation")

Progress = Callable[[float], bool]

# The library's words -> what to do about it.
_ADVICE = {
    r"FP32 GEMM is not supported": "sm75 has no FP32 matrix product: build fp16, or leave sm75 out",
    r"UINT8|UInt8": "uint8 may only be cast: cast it beside the graph's input and output",
    r"K exceeds the maximum": "TopK takes k up to 3840",
    r"ntialias": "resize without antialias, or average first",
    r"reduction": "scatter without reduction",
    r"changes volume": (
        "the graph can't take frames of this size, as they don't divide into its parts; give a --size whose"
        " sides are multiples of those, such as of 8, 16 or 32"
    ),
    r"out of memory|OutOfMemory|bad_alloc": "free memory, or lower --max-batch or --size",
}
_ADVICE_ELSE = "write this part of the graph with other operators"


@dataclass(frozen=True)
class Plan:
    """A built engine.

    Attributes:
        engine: the serialized engine.
        layer_precision, product_precision: see `readback`; None if the layers weren't listed.
        build_s: seconds the builder took.
        reproducible: whether memory was laid out so that the same order gives the same bytes again.
        notices: sentences for the user.
    """

    engine: bytes
    layer_precision: Shares | None
    product_precision: Shares | None
    build_s: float
    reproducible: bool = False
    notices: tuple[str, ...] = ()


def compiled(
    graph: bytes,
    target: Target,
    profile: Profile,
    *,
    report: Progress,
    timing_cache: Path | None = None,
    beside: Path | None = None,
) -> Plan:
    """Build the engine of a graph in which only the batch is free.

    `report` is told the share done, 0 to 1, as often as the builder says something; when it
    returns False, the build is cancelled. `timing_cache` is the file of TensorRT's measurements, read
    before and added to afterwards; TensorRT-RTX takes none. `beside` is a file in whose folder weights lie
    that the graph only names; they are read there, so that no copy of them is in one message.

    Not promised: equal bytes for equal arguments, nor the same precision after a build that failed in this
    process: TensorRT-RTX 1.7 goes on to build for the GPU type of that one, which may lack INT8. `worker`,
    which starts a process for each engine, sees to both.

    Raises:
        EngineError: the library refused; with its last message, the node, and advice.
        KeyboardInterrupt: `report` cancelled the build.
    """
    library = Library(
        target.flavour, subject=target.name, advice=_ADVICE, otherwise=_ADVICE_ELSE, keep_all=True
    )
    trt, asked = library.trt, library.asked
    builder = asked("gave no builder", trt.Builder, library.log)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = asked("gave no network", builder.create_network, typed)
    network.name = "stage"  # unnamed, it gets a random name, and the bytes change
    _parse(library, network, graph, beside)
    config = _config(library, builder, network, target, profile)
    config.progress_monitor = monitor = _monitor(trt, report)
    cache = TimingCache(library, config, timing_cache) if timing_cache else None
    start = time.monotonic()
    try:
        engine = asked("built no engine", builder.build_serialized_network, network, config)
    except EngineError:
        if monitor.cancelled:
            raise KeyboardInterrupt from None
        raise
    build_s = time.monotonic() - start
    return Plan(
        engine=bytes(engine),
        layer_precision=layer_precision(library.log.messages),
        product_precision=product_precision(library.log.messages),
        build_s=build_s,
        notices=cache.kept() if cache else (),
    )


def _parse(library: Library, network: Any, graph: bytes, beside: Path | None) -> None:
    parser = library.asked("gave no parser", library.trt.OnnxParser, network, library.log)
    try:
        library.asked("can't read the graph", parser.parse, graph, *([str(beside)] if beside else []))
    except EngineError as error:
        if not parser.num_errors:
            raise
        last = parser.get_error(parser.num_errors - 1)
        operator = last.node_operator()
        node = f"node {last.node_name()!r} ({operator})" if operator else "the graph"
        raise library.error(f"can't compile {node}", said=said_last([last.desc()])) from error


def _config(library: Library, builder: Any, network: Any, target: Target, profile: Profile) -> Any:
    trt, asked, heard = library.trt, library.asked, library.heard
    config = asked("gave no configuration", builder.create_builder_config)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # else the layers' types aren't told
    # TF32 has no more digits than FP16: what was kept in FP32 on purpose would be FP16 again.
    heard("kept TF32", config.clear_flag, trt.BuilderFlag.TF32)
    if target.flavour == "rtx":
        heard("takes no GPU type", setattr, config, "num_compute_capabilities", 1)
        capability = getattr(trt.ComputeCapability, f"SM{target.compute_capability}")
        asked("has no such GPU type", config.set_compute_capability, capability, 0)
        # Nothing allocated while it runs: the condition for capturing it into a CUDA graph.
        heard("refused a flag", config.set_flag, trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    shapes = asked("gave no optimization profile", builder.create_optimization_profile)
    batches = (profile.min_batch, profile.opt_batch, profile.max_batch)
    for index in range(network.num_inputs):
        tensor = asked("has lost an input", network.get_input, index)
        batch, *rest = tensor.shape
        if batch == -1:
            sizes = ((size, *rest) for size in batches)
            heard(f"refused the shapes of `{tensor.name}`", shapes.set_shape, tensor.name, *sizes)
    asked("refused the optimization profile", config.add_optimization_profile, shapes)
    return config


def _monitor(trt: Any, report: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Phases nest: a phase's share is divided among its steps, and the phase in it gets one."""

        def __init__(self) -> None:
            super().__init__()
            self.cancelled = False
            self._steps: dict[str, tuple[int, int]] = {}
            self._share = 0.0

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._steps[phase] = (0, max(steps, 1))

        def step_complete(self, phase: str, step: int) -> bool:
            self._steps[phase] = (step + 1, self._steps.get(phase, (0, 1))[1])
            share, width = 0.0, 1.0
            for done, steps in self._steps.values():
                share += width * min(done, steps) / steps
                width /= steps
            self._share = max(self._share, min(share, 1.0))
            self.cancelled = self.cancelled or not report(self._share)
            return not self.cancelled

        def phase_finish(self, phase: str) -> None:
            self._steps.pop(phase, None)

    return Monitor()
