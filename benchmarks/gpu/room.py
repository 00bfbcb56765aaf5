"""Whether a graph finds room: in RAM, where the CPU runs it for comparison, and on the GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.errors import MissingError

if TYPE_CHECKING:
    from trt_anime.runtime.devices.api import Device

# Weights are held twice while they are loaded, and what a file has in FP16 may be computed in FP32.
_TIMES = 3
# Who has less than this free has other troubles.
_SMALL_BYTES = 1_000_000_000


def graph_bytes(graph: Path) -> int:
    """A stage graph's size with its weights, those that lie beside it included."""
    import onnx

    from trt_anime.hollow import weight_files

    beside = weight_files(onnx.load(str(graph), load_external_data=False), graph)
    return sum(file.stat().st_size for file in (graph, *beside) if file.is_file())


def require_room(graphs: Sequence[Path], device: "Device") -> None:
    """For the last of `graphs` on the device, and for all of them on the CPU, which give what it reads.

    Raises MissingError: there is less memory free than they may take.
    """
    from trt_anime.runtime.devices.ram import ram

    sizes = [graph_bytes(graph) for graph in graphs]
    for place, size_bytes, free in (
        ("GPU memory", sizes[-1], device.memory().free),
        ("RAM, for the CPU that it is compared with,", sum(sizes), ram().free),
    ):
        needed = _TIMES * size_bytes
        if size_bytes > _SMALL_BYTES and needed > free:
            raise MissingError(
                f"{graphs[-1].name}, {sizes[-1] / 1e9:.1f} GB, may need {needed / 1e9:.0f} GB of {place}"
                f" and {free / 1e9:.0f} GB are free"
            )
