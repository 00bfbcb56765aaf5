"""The captioning graphs through TensorRT-RTX: Where writes the cache, Gather moves the beams."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests.caption.small import NAMES, RECIPES, checkpoint, graphs_in
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import Target
from trt_anime.export.caption.graph import Precision

pytest.importorskip("tensorrt_rtx")


@pytest.mark.parametrize(
    ("name", "capability", "precision"), [(NAMES[0], 75, "fp16"), (NAMES[1], 89, "fp32")]
)
def test_all_three_graphs_build(tmp_path: Path, name: str, capability: int, precision: Precision) -> None:
    whole = RECIPES[name]
    recipe = replace(
        whole,
        vision=replace(whole.vision, layers=1),
        qformer=whole.qformer and replace(whole.qformer, layers=1),
        decoder=replace(whole.decoder, layers=1),
    )
    graphs_in(tmp_path, name, checkpoint(name, tmp_path, recipe=recipe), precision=precision, recipe=recipe)
    for stage in ("vision", "prefill", "step"):
        fixed = specialised(onnx.load(tmp_path / f"{stage}.onnx"), height=96, width=160)
        assert not {"Range", "Abs"} & {node.op_type for node in fixed.graph.node}  # of the resize
        profile = Profile(height=96, width=160, max_batch=2)
        plan = compiled(
            fixed.SerializeToString(), Target("rtx", capability), profile, report=lambda share: True
        )
        assert plan.product_precision == {"float16" if precision == "fp16" else "float32": 1.0}
