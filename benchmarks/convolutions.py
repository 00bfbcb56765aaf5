"""Large convolutions by Winograd's method against ONNX Runtime's own, one thread each.

    python -m benchmarks.convolutions [--write]

Both ways take turns, once it was seen that they give the same. Convolutions are such as LaMa and XMem have
for a frame of 720 rows; their weights and maps are random.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from benchmarks.machine import OtherLoad
from benchmarks.pairs import alternated
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from benchmarks.tables import Spread, paired_ratio
from trt_anime.errors import EngineError
from trt_anime.runtime.sessions.ort_cpu import Prepared, as_written, prepared

COMMAND = "python -m benchmarks.convolutions --write"

# Whose -> channels in and out, height and width of the maps.
SHAPES = {
    "LaMa, local to global": (128, 384, 54, 96),
    "LaMa, global to local": (384, 128, 54, 96),
    "XMem, fused values": (1600, 512, 30, 54),
    "XMem, decoder at an eighth": (512, 256, 60, 108),
    "XMem, decoder at a quarter": (256, 256, 120, 216),
}
_WARM_UP = 3  # ONNX Runtime plans its memory in the second run, and has all of it in the third
_MOST_APART = 2e-4  # of values near 1

Maps = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    load = OtherLoad()
    rows = [_measured(name, shape, given.rounds) for name, shape in SHAPES.items()]
    content = {
        **facts(COMMAND, ("trt-anime", "onnxruntime")),
        "others": round(load.share(), 3),
        "rounds": given.rounds,
        "convolutions": rows,
    }
    print(json.dumps(content, indent=1))
    if writes:
        keep("convolutions", content)


def _measured(name: str, shape: tuple[int, int, int, int], rounds: int) -> dict[str, Any]:
    """Raises EngineError: both ways differ."""
    inputs, outputs, height, width = shape
    random = np.random.default_rng(0)
    kernel = random.standard_normal((outputs, inputs, 3, 3)) / np.sqrt(inputs * 9)
    maps = random.standard_normal((1, inputs, height, width)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "convolution.onnx"
        onnx.save(_graph(kernel.astype(np.float32), maps.shape), file)
        ours = _run(prepared(file, threads=1), maps)
        theirs = _run(as_written(file, threads=1), maps)
    for _ in range(_WARM_UP):
        _done(ours)
        _done(theirs)
    apart = float(np.abs(ours() - theirs()).max())
    if apart > _MOST_APART:
        raise EngineError(f"{name}: results differ by {apart:g} where values are near 1")
    timed = alternated(lambda: _done(ours), lambda: _done(theirs), rounds=rounds, units=1)
    return {
        "name": name,
        "shape": shape,
        "apart": apart,
        "ours_ms": asdict(Spread.of(timed.ours)),
        "theirs_ms": asdict(Spread.of(timed.theirs)),
        "ratio": asdict(paired_ratio(timed.theirs, timed.ours)),
    }


def _graph(kernel: Maps, shape: tuple[int, ...]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "kernel"], ["y"], pads=[1, 1, 1, 1])],
        "convolution",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _run(ready: Prepared, maps: Maps) -> Callable[[], Maps]:
    session = ready.session()

    def run() -> Maps:
        [result] = session.run(None, {"x": maps})
        return np.asarray(result)

    return run


def _done(run: Callable[[], Maps]) -> None:
    run()


if __name__ == "__main__":
    main()
