"""What can be asked of a run."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from trt_anime.runtime.cores import usable_cores
from trt_anime.runtime.media.frames import DEFAULT_RATE


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """What to do with one clip.

    Attributes:
        input: video, image, or folder of images.
        output: folder for the layers, `run.json` and the ledger.
        stages: numbers, such as ``2a``.
        device: ``auto``, ``cpu``, ``cuda:N`` or ``null``.
        provider: library that runs the stages; ``auto`` chooses.
        precision: that stages must run in; None takes the fastest there is.
        allow_cpu_nodes: whether ONNX Runtime may run on the CPU what CUDA can't.
        format: of the layers: ``png``, ``png16``, ``ffv1``, ``prores``, ``webm`` or ``exr``.
        preset: ``fast``, ``balanced`` or ``quality``.
        held: reuse the results of frames that repeat.
        batch_size: frames per run of a stage.
        threads: CPU cores to use; 0 is every usable one.
        overwrite: replace an earlier run's results in `output`.
        resume: go on with an earlier run in `output`, if there is one.
        limit: stop after so many frames; None is the whole clip.
        rate: frames per second of a folder of images.
        latencies: profile that the null device replays.
    """

    input: Path
    output: Path
    stages: tuple[str, ...] = ("2a",)
    device: str = "auto"
    provider: str = "auto"
    precision: str | None = None
    allow_cpu_nodes: bool = False
    format: str = "png"
    preset: str = "balanced"
    held: bool = True
    batch_size: int = 1
    threads: int = 0
    overwrite: bool = False
    resume: bool = False
    limit: int | None = None
    rate: Fraction = DEFAULT_RATE
    latencies: Path | None = None

    @property
    def cores(self) -> int:
        """`threads`, or every usable core."""
        return self.threads or usable_cores()
