"""How many engines to build at the same time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from trt_anime.engines.batch import Order

# Measured with TensorRT-RTX 1.7 at 1920x1080, graphs of 5 to 176 MB: a builder, and this process, which
# makes one typed graph at a time.
BUILDER_BYTES = 350_000_000
BUILDER_BYTES_PER_GRAPH_BYTE = 8
TYPING_BYTES_PER_GRAPH_BYTE = 7
_LARGEST_SHELL = 100_000_000  # a graph whose weights lie beside it is smaller


def workers_for(orders: "Sequence[Order]") -> tuple[int, str]:
    """How many builds this machine carries at a time, and why they are fewer than its cores and the orders.

    The reason is empty where they aren't. Each build keeps about one core busy. Memory limits of a
    container aren't seen.
    """
    from trt_anime.runtime.cores import usable_cores
    from trt_anime.runtime.devices.ram import ram

    largest = max(_size_bytes(path) for path in {order.graph for order in orders})
    on_gpu = all(order.target.flavour == "trt" for order in orders)
    return fitting(
        min(usable_cores(), len(orders)), free_bytes=ram().free, graph_bytes=largest, on_gpu=on_gpu
    )


def _size_bytes(graph: "Path") -> int:
    """With the weights beside it."""
    import onnx

    from trt_anime.hollow import weight_files

    size: int = graph.stat().st_size
    if size > _LARGEST_SHELL:
        return size
    try:
        files = weight_files(onnx.load(graph, load_external_data=False), graph)
    except Exception:  # protobuf's own; the build says what is wrong with the file
        return size
    return size + sum(file.stat().st_size for file in files if file.is_file())


def fitting(wanted: int, *, free_bytes: int, graph_bytes: int, on_gpu: bool) -> tuple[int, str]:
    """`wanted`, or as many as fit with the reason for it.

    Args:
        free_bytes: memory that can be had.
        graph_bytes: size of the largest graph.
        on_gpu: every engine is timed on this machine's GPU.
    """
    if on_gpu:
        return (
            1,
            "TensorRT times kernels on the GPU, so one engine is built at a time" if wanted > 1 else "",
        )
    each = BUILDER_BYTES + BUILDER_BYTES_PER_GRAPH_BYTE * graph_bytes
    count = max(1, min(wanted, (free_bytes - TYPING_BYTES_PER_GRAPH_BYTE * graph_bytes) // each))
    if count == wanted:
        return count, ""
    return count, (
        f"{count} of {wanted} engines at a time, because a build takes up to {each / 1e9:.1f} GB of memory "
        f"and {free_bytes / 1e9:.1f} GB are free; --workers overrides that"
    )
