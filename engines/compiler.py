"""A typed graph through TensorRT's builder. Runs in a process of its own: see `worker`."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trt_anime.engines import flavours
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError

# Names what `compiled` sets; part of an engine's key, so change it together with the code.
BUILD_FLAGS = ("strongly_typed", "profiling_verbosity=detailed", "rtx:require_user_allocation")

Progress = Callable[[float], bool]

# The library's words -> what to do about it.
_ADVICE = {
    r"FP32 GEMM is not supported": "sm75 has no FP32 matrix product: build fp16, or leave sm75 out",
    r"UINT8|UInt8": "uint8 may only be cast: cast it beside the graph's input and output",
    r"K exceeds the maximum": "TopK takes k up to 3840",
    r"ntialias": "resize without antialias, or average first",
    r"reduction": "scatter without reduction",
    r"out of memory|OutOfMemory|bad_alloc": "free memory, or lower --max-batch or --size",
}
_ADVICE_ELSE = "write this part of the graph with other operators"


@dataclass(frozen=True)
class Plan:
    """A built engine.

    Attributes:
        engine: the serialized engine.
        layer_precision: share of the compiled layers per output type; None if they weren't listed.
        build_s: seconds the builder took.
        reproducible: whether memory was laid out so that the same order gives the same bytes again.
    """

    engine: bytes
    layer_precision: dict[str, float] | None
    build_s: float
    reproducible: bool = False


def compiled(graph: bytes, target: Target, profile: Profile, *, report: Progress) -> Plan:
    """Build the engine of a graph in which only the batch is free.

    `report` is told the share done, 0 to 1, as often as the builder says something; when it
    returns False, the build is cancelled.

    Not promised: equal bytes for equal arguments; `worker` sees to that.

    Raises:
        EngineError: the library refused; with its last message, the node, and advice.
        KeyboardInterrupt: `report` cancelled the build.
    """
    trt = flavours.load(target.flavour)
    log = _logger(trt)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    network.name = "stage"  # unnamed, it gets a random name, and the bytes change
    parser = trt.OnnxParser(network, log)
    if not parser.parse(graph):
        raise _parser_error(parser, log)
    config = _config(trt, builder, network, target, profile)
    config.progress_monitor = monitor = _monitor(trt, report)
    start = time.monotonic()
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        if monitor.cancelled:
            raise KeyboardInterrupt
        raise _builder_error(target, log)
    return Plan(bytes(engine), layer_precision_from_log(log.messages), time.monotonic() - start)


def layer_precision_from_log(messages: list[str]) -> dict[str, float] | None:
    """Share of the compiled layers per output type, out of the tables the builder logs of them."""
    tables = [message for message in messages if message.startswith("Layers:\nName: ")]
    pattern = r"^Name: .*?, LayerType: .*?, Outputs: \[ \{ .*?Datatype: (\w+)"
    found = Counter(kind for table in tables for kind in re.findall(pattern, table, re.MULTILINE))
    names = {"Float": "float32", "Half": "float16"}
    shares = {
        names.get(kind, kind.lower()): round(count / found.total(), 4) for kind, count in found.items()
    }
    return dict(sorted(shares.items())) or None


def _config(trt: Any, builder: Any, network: Any, target: Target, profile: Profile) -> Any:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # else the layers' types aren't told
    if target.flavour == "rtx":
        config.num_compute_capabilities = 1
        capability = getattr(trt.ComputeCapability, f"SM{target.compute_capability}")
        config.set_compute_capability(capability, 0)
        # Nothing allocated while it runs: the condition for capturing it into a CUDA graph.
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    shapes = builder.create_optimization_profile()
    batches = (profile.min_batch, profile.opt_batch, profile.max_batch)
    for tensor in (network.get_input(index) for index in range(network.num_inputs)):
        batch, *rest = tensor.shape
        if batch == -1:
            shapes.set_shape(tensor.name, *((size, *rest) for size in batches))
    config.add_optimization_profile(shapes)
    return config


def _logger(trt: Any) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.messages: list[str] = []
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            self.messages.append(message)
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.last_error = message

    return Log()


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


def _parser_error(parser: Any, log: Any) -> EngineError:
    if not parser.num_errors:
        return EngineError(f"the graph can't be read: {_first_line(log.last_error)}")
    error = parser.get_error(parser.num_errors - 1)
    node = f"node {error.node_name()!r} ({error.node_operator()})" if error.node_operator() else "the graph"
    return EngineError(f"{node} can't be compiled: {_with_advice(error.desc())}")


def _builder_error(target: Target, log: Any) -> EngineError:
    return EngineError(f"no engine for {target.name}: {_with_advice(log.last_error or 'no reason given')}")


def _with_advice(message: str) -> str:
    advice = next((cure for words, cure in _ADVICE.items() if re.search(words, message)), _ADVICE_ELSE)
    return f"{_first_line(message)}; {advice}"


def _first_line(message: str) -> str:
    """The line that says what is wrong, without the noise that a machine without a GPU adds."""
    lines = [line.strip() for line in message.splitlines() if "cudaError" not in line]
    lines = [line for line in lines if line and not line.startswith("Invalid Node")] or lines
    return re.sub(r"\(?In \w+ at /_src/\S+\)?", "", lines[0]).strip(" ;.") if lines else ""
