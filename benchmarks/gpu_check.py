"""What only a real GPU can prove, in one command: `make gpu-check`.

Writes docs/measurements/<gpu>.md. On a machine without a GPU it says so, claims nothing and exits 0.

It runs from a bare checkout with Python, NumPy and cuda-python; every check that needs more is skipped
where that is missing, and says so. CuPy alone isn't enough: the device under test calls cuda-python.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.gpu import models, precision, suite
from benchmarks.gpu.checks import CHECKS, Check
from benchmarks.gpu.measures import MEASURES, Table
from benchmarks.gpu.report import Gpu, Result, page
from benchmarks.gpu.session import engine_on_cuda, polygraphy_on_cuda, session_on_cuda
from trt_anime.errors import DownloadError, MissingError, TrtAnimeError
from trt_anime.files import write_text
from trt_anime.runtime.devices.cuda_device import CudaDevice

REPORTS = Path(__file__).parents[1] / "docs" / "measurements"


def main() -> int:
    """0, or 1 if a check failed."""
    try:
        device = CudaDevice(0)
    except TrtAnimeError as error:
        return _without_device(str(error))
    tables: list[Table] = []
    results = [result_of(name, partial(check, device)) for name, check in on_device().items()]
    results += [result_of(name, partial(_measured, name, device, tables)) for name in MEASURES]
    gpu = _gpu(device)
    results.append(result_of("closing", partial(_closed, device)))
    return _report(gpu, [*results, *_others(tables)], tables)


def on_device() -> dict[str, Check]:
    """The checks that share one device, by name."""
    return {
        **CHECKS,
        "session": session_on_cuda,
        "TensorRT engine": partial(engine_on_cuda, flavour="trt"),
        "TensorRT engine by Polygraphy": polygraphy_on_cuda,
        "TensorRT-RTX engine": partial(engine_on_cuda, flavour="rtx"),
    }


def result_of(name: str, check: Callable[[], str]) -> Result:
    try:
        return Result(name, "passed", check())
    except (MissingError, DownloadError) as error:
        return Result(name, "skipped", str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("trt_anime", "benchmarks")):
            raise
        return Result(name, "skipped", f"{error}; pip install 'trt-anime[gpu,export]'")
    except TrtAnimeError as error:
        return Result(name, "failed", str(error))
    except Exception as error:  # other libraries' own; the other checks are worth having all the same
        return Result(name, "failed", f"{type(error).__name__}: {error}")


def _measured(name: str, device: CudaDevice, tables: list[Table]) -> str:
    tables.append(MEASURES[name](device))
    return "see below"


def _closed(device: CudaDevice) -> str:
    device.close()
    return "everything freed"


def _others(tables: list[Table]) -> list[Result]:
    """Those that open the GPU by themselves."""
    return [
        result_of("tests", suite.run_tests),
        result_of("parity on CUDA", models.parity_on_cuda),
        result_of("engine parity", partial(precision.engine_parity, tables)),
    ]


def _without_device(reason: str) -> int:
    """There may be a GPU all the same, with a package missing; other checks may do without that."""
    name = _nvidia_smi("name")
    if name is None:
        print("No NVIDIA GPU answers on this machine: no GPU check was made, and none is claimed to pass.")
        print(f"({reason})")
        return 0
    skipped = [Result(name, "skipped", reason) for name in (*on_device(), *MEASURES, "closing")]
    tables: list[Table] = []
    return _report(Gpu(name, _driver()), [*skipped, *_others(tables)], tables)


def _report(gpu: Gpu, results: list[Result], tables: list[Table]) -> int:
    path = REPORTS / gpu.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page(gpu, results, tables))
    for result in results:
        print(f"{result.outcome}: {result.name}: {result.words}")
    print(path)
    return int(any(result.outcome == "failed" for result in results))


def _gpu(device: CudaDevice) -> Gpu:
    info = device.info
    capability = f"compute capability {info.capability // 10}.{info.capability % 10}"
    return Gpu(info.name, (f"{capability}, {info.memory_bytes / 1e9:.1f} GB", *_driver()))


def _driver() -> tuple[str, ...]:
    version = _nvidia_smi("driver_version")
    return (f"driver {version}",) if version else ()


def _nvidia_smi(field: str) -> str | None:
    command = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


if __name__ == "__main__":
    sys.exit(main())
