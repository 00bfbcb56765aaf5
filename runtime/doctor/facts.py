"""What `trt-anime doctor` finds out: plain values, the same for people and for `--json`.

docs/doctor.md explains each field; raise `SCHEMA` when one changes its meaning or goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

SCHEMA = 1

Level = Literal["ok", "note", "problem"]
Section = Literal["machine", "gpu", "libraries", "video", "models", "graphs", "engines"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence on what follows from the facts.

    Attributes:
        cure: what to do, in words; empty where nothing needs to be done.
        command: what to type for it; empty where no command does it.
    """

    section: Section
    level: Level
    what: str
    cure: str = ""
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine without its GPU.

    Attributes:
        features: instruction sets that inference profits from; None: unknown on this system.
        home: where checkpoints, graphs and engines are kept.
        home_is_writable: whether they can be put there.
    """

    system: str = ""
    python: str = ""
    processor: str = ""
    cores: int = 0
    features: tuple[str, ...] | None = None
    memory_free_bytes: int | None = None
    memory_total_bytes: int | None = None
    home: str = ""
    home_is_writable: bool = True
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes:
        capability: such as 89 for compute capability 8.9.
        memory_free_bytes, memory_total_bytes: None where nobody tells (GPUs that share the RAM).
    """

    index: int
    name: str
    capability: int
    memory_free_bytes: int | None = None
    memory_total_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a library said in a process of its own.

    Attributes:
        installed: whether Python finds its module.
        version: empty if it doesn't load.
        reason: why it can't be used, in its own words; empty if it can.
    """

    installed: bool = True
    version: str = ""
    reason: str = ""

    @property
    def loads(self) -> bool:
        return self.installed and not self.reason


@dataclass(frozen=True, kw_only=True)
class Management(Probed):
    """NVIDIA's management library (NVML); it answers where CUDA doesn't. `version` is the driver's.

    Attributes:
        has_driver: False: there is no driver, which is in order on a machine without a GPU.
        cuda: newest CUDA that the driver supports, such as ``13.0``.
        gpus: all in the machine, numbered as `nvidia-smi` does.
    """

    has_driver: bool = True
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cuda(Probed):
    """CUDA as the runtime starts it. `version` is the newest CUDA that the driver supports.

    Attributes:
        gpus: those that this process may use, numbered as in ``--device cuda:N``.
    """

    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Flavour(Probed):
    """TensorRT or TensorRT-RTX.

    Attributes:
        capabilities: GPU types that it builds for without such a GPU.
    """

    capabilities: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Provider:
    """An execution provider that ONNX Runtime lists and a stage may use, and whether a graph ran on it."""

    name: str
    runs: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime(Probed):
    providers: tuple[Provider, ...] = ()

    def provider(self, name: str) -> Provider | None:
        return next((provider for provider in self.providers if provider.name == name), None)


@dataclass(frozen=True, kw_only=True)
class OpenVino(Probed):
    """Attributes: devices: as it names them, such as ``CPU``."""

    devices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """A model of the catalogue.

    Attributes:
        here: formats of its checkpoints on this machine.
        own: formats among them that are the user's own files, not the published ones.
        hash: of the published file: known beforehand, pinned by the first download here, or neither.
        graphs: file names of its stage graphs, none if they aren't made yet.
    """

    name: str
    stage: str
    here: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    hash: Literal["published", "pinned", "none"]
    graphs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineState:
    """An engine in the store.

    Attributes:
        state: ``usable`` here, usable but ``slower`` than it could be, for another machine, or to be built
            again.
        reason: why it isn't usable, or not at its best.
    """

    name: str
    target: str
    precision: str
    state: Literal["usable", "slower", "elsewhere", "rebuild"]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was found out.

    Attributes:
        packages: installed Python packages that matter here, with versions.
        on_bus: NVIDIA display controllers on the PCI bus, driver or not; None: unknown on this system.
        visible_devices: CUDA_VISIBLE_DEVICES; None if it isn't set.
        nvdec: PyNvVideoCodec, which decodes on the GPU.
        graph_files: number of stage graphs on this machine, those of older releases included.
    """

    machine: Machine
    packages: dict[str, str]
    on_bus: int | None
    visible_devices: str | None
    management: Management
    cuda: Cuda
    tensorrt: Flavour
    tensorrt_rtx: Flavour
    onnxruntime: OnnxRuntime
    openvino: OpenVino
    nvdec: Probed
    models: tuple[ModelState, ...]
    graph_files: int
    engines: tuple[EngineState, ...]

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs in the machine, from whoever lists them."""
        return self.management.gpus or self.cuda.gpus

    @property
    def supported_cuda(self) -> str:
        """Newest CUDA that the driver supports, compatibility packages included; empty: unknown."""
        return self.cuda.version or self.management.cuda


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that `trt-anime doctor` says."""

    schema: int = SCHEMA
    version: str
    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        return of_level(self.findings, "problem")


def of_level(findings: Iterable[Finding], level: Level) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.level == level)
