"""How many runs at once serve a CPU best, and the memory that each takes."""

from collections.abc import Mapping

from trt_anime.runtime.devices.api import Shape
from trt_anime.stage import StageInfo

# Each takes 400 MB to 4 GB; further threads go into the runs instead.
MOST_PARALLEL_RUNS = 4

# What a run takes, as growth of the process at its peak. U2-Net small, 320x320: 355 to 387 MiB for frames
# up to 1080p. MODNet: 192 MiB at 512x512, 375 at 896x512. What pre- and post-processing take uses the same
# memory, and is more than the network's from 4K on: 1239 MiB, whatever the network.
_BYTES_PER_PIXEL_OF_FIXED = 4_000
_BYTES_PER_PIXEL_OF_FREE = 900
_MOST_PIXELS_OF_FREE = 1024 * 512  # networks of free size bring the short side of large frames to 512
_BYTES_PER_FRAME_PIXEL = 160


def split_threads(threads: int, *, most: int = MOST_PARALLEL_RUNS) -> tuple[int, int]:
    """(runs at once, threads in each): single-threaded runs up to a bound, then more threads for each.

    Two runs of one thread beat one run of two, as no thread waits for another between operators. With
    u2netp on 2 cores, 720p film to PNG: 267 against 324 ms a frame, and 13 to 22 % less CPU time. One
    session shared by both threads is as fast as two, and smaller.
    """
    parallel = min(threads, most)
    return parallel, threads // parallel


def most_runs(run_bytes: int, *, free_bytes: int) -> int:
    """How many runs at once fit into half of the free memory; one at least."""
    return max(1, free_bytes // 2 // run_bytes) if run_bytes else MOST_PARALLEL_RUNS


def run_bytes(info: StageInfo, inputs: Mapping[str, Shape]) -> int:
    """Memory that one run takes by itself, estimated from the size of its first input's frames."""
    batch, height, width = next(iter(inputs.values()))[:3]
    return batch * frame_bytes(info.network_size, height * width)


def frame_bytes(network: tuple[int, int] | None, pixels: int) -> int:
    """Of a run on one frame of so many pixels; `network`: its own size, None where it takes any."""
    free = min(pixels, _MOST_PIXELS_OF_FREE) * _BYTES_PER_PIXEL_OF_FREE
    return max(_network_bytes(network) or free, pixels * _BYTES_PER_FRAME_PIXEL)


def network_bytes(info: StageInfo) -> int:
    """The part of `run_bytes` that is known before any frame is; 0 where nothing is."""
    return _network_bytes(info.network_size)


def _network_bytes(network: tuple[int, int] | None) -> int:
    height, width = network or (0, 0)
    return height * width * _BYTES_PER_PIXEL_OF_FIXED
