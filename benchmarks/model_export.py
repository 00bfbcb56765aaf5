"""What the export of one model takes, without the comparison with PyTorch and with it."""

import resource
import sys
import time
from pathlib import Path
from typing import Any

from trt_anime.export import catalogue, graphs
from trt_anime.export.catalogue import Model

ONE_WEIGHT = "one weight"  # what memory is counted from


def export_of(model: str) -> dict[str, Any]:
    """Seconds and memory until its graphs are written. In a process of its own, or the memory isn't the
    model's; its weights are in the store."""
    load_libraries()
    for path in (graphs.existing(catalogue.get(model)) or {}).values():
        path.unlink()
    before, start = memory_bytes(), time.monotonic()
    graphs.ensure(model)
    took_s, memory = time.monotonic() - start, memory_bytes() - before
    return {"export_s": took_s, "export_memory_bytes": memory, "beyond": ONE_WEIGHT}


def comparison_of(model: str) -> dict[str, Any]:
    """Memory of an export that is compared with PyTorch, and the differences by graph, in words; in a
    process of its own, too."""
    load_libraries()
    before = memory_bytes()
    made = graphs.export(model)
    memory = memory_bytes() - before
    return {
        "comparison_memory_bytes": memory,
        "checkpoint_bytes": checkpoint_bytes(catalogue.get(model), made.checkpoint),
        "differences": {graph.name: str(graph.difference or "") for graph in made.graphs},
    }


def load_libraries() -> None:
    """Export a convolution of one weight: what that takes is the libraries', whatever the model."""
    import onnxruntime  # noqa: F401
    import onnxslim  # noqa: F401
    import torch
    from transformers import PreTrainedModel  # noqa: F401 - what all of the library's networks load

    from trt_anime.export.tracing import onnx_from_module

    picture = torch.zeros(2, 1, 8, 8)
    onnx_from_module(torch.nn.Conv2d(1, 1, 1).eval(), picture, output="map", dynamic={}, name="one weight")


def checkpoint_bytes(row: Model, checkpoint: Path) -> int:
    """Size of the weights, with the further files of those that are published in several."""
    published = next((file for file in row.files if file.filename == checkpoint.name), None)
    more = [file.filename for file in published.companions] if published else []
    files = [checkpoint, *(checkpoint.with_name(name) for name in more if name.endswith(checkpoint.suffix))]
    return sum(file.stat().st_size for file in files)


def memory_bytes() -> int:
    """The most that this process has held until now."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
