"""The inpaint graph through TensorRT-RTX: two inputs, and a transform whose matrices become constants."""

from collections import Counter
from pathlib import Path

import onnx
import pytest

from tests.engines.building import built
from tests.inpaint.pieces import RULES, exported_lama, graph_for, row
from trt_anime.engines.manifest import Precision
from trt_anime.engines.specialise import specialised
from trt_anime.errors import EngineError
from trt_anime.export.catalogue import get
from trt_anime.export.inpaint.compose import inpaint_graph
from trt_anime.export.recipes.inpaint import Inpainting

pytest.importorskip("tensorrt_rtx")


def lama_stage() -> onnx.ModelProto:
    rule = get("lama").recipe_as(Inpainting)
    return inpaint_graph(exported_lama(), row(rule, "lama"), checkpoint_sha256="0" * 64, licence="")


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "graph.onnx")
    return folder / "graph.onnx"


@pytest.mark.parametrize("rule", RULES)
def test_the_parts_around_a_network_build(home: Path, tmp_path: Path, rule: str) -> None:
    manifest = built(saved(graph_for(RULES[rule]), tmp_path), 75, "fp32")
    assert manifest.layer_precision and manifest.recipe.stage == "inpaint"


@pytest.mark.parametrize(("capability", "precision"), [(89, "fp32"), (120, "fp16"), (75, "fp16")])
def test_lama_builds(home: Path, tmp_path: Path, capability: int, precision: Precision) -> None:
    manifest = built(saved(lama_stage(), tmp_path), capability, precision)
    assert manifest.layer_precision
    assert bool(manifest.layer_precision.get("float16")) == (precision == "fp16")


def test_turing_needs_fp16(home: Path, tmp_path: Path) -> None:
    with pytest.raises(
        EngineError,
        match=r"sm75: MatMul '.*; and \d+ nodes more$",
    ):
        built(saved(lama_stage(), tmp_path), 75, "fp32")


def test_at_one_size_the_matrices_are_constants() -> None:
    fixed = specialised(lama_stage(), height=96, width=120)
    operators = Counter(node.op_type for node in fixed.graph.node)
    assert not {"Cos", "Sin", "Range", "Mod"} & set(operators)
    shapes = {tuple(tensor.dims) for tensor in fixed.graph.initializer}
    # 96x120 is padded to 120x120: 15 x 15 cells.
    assert {(15, 16), (30, 30), (16, 15)} <= shapes
