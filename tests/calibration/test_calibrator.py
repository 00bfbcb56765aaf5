"""The search for a typed graph that holds its budget, on networks with planted flaws."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.calibration.toys import INFO, Flaw, bright_frames, bright_matte
from trt_anime.calibration.calibrator import Calibrated, Calibrator, Source
from trt_anime.calibration.network import network_of
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.typed import Form

ISLAND = {"net/Conv_2", "net/Relu_2", "net/Conv_3"}


class Said:
    """What was said, for people."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.lines.append(sentence)


def calibrator(flaw: Flaw = "none", *, said: Said | None = None, black: bool = False) -> Calibrator:
    pictures = [np.zeros_like(frame) if black else frame for frame in bright_frames(9)]
    frames = [{"frame": frame[None]} for frame in pictures]
    source = Source(Path("bright.onnx"), INFO, bright_matte(flaw), frames[:6], frames[6:])
    return Calibrator(source, say=said or Said())


def kept(found: Calibrated) -> set[str]:
    return {row.node for row in found.kept}


def passes(found: Calibrated) -> bool:
    return found.comparison.parity.passed


@pytest.mark.parametrize(
    ("precision", "form", "kind"),
    [
        ("fp16", "tensorrt", "float16"),
        ("int8", "cpu", "int8"),
        ("int8", "tensorrt", "int8"),
        ("fp8", "tensorrt", "float8"),
    ],
)
def test_nothing_wrong(precision: str, form: Form, kind: str) -> None:
    found = calibrator().calibrated(precision, form=form)
    assert passes(found) and found.kept == ()
    assert found.shares[kind] > 0.5 and "float32" not in found.shares
    assert found.comparison.parity.frames == 3
    assert {m.name for m in found.comparison.parity.metrics} >= {"alpha_sad", "alpha_gradient"}
    onnx.checker.check_model(found.model, full_check=True)


@pytest.mark.parametrize("form", ["cpu", "tensorrt"])
def test_one_bad_layer_is_found_and_kept_out(form: Form) -> None:
    said = Said()
    found = calibrator("int8", said=said).calibrated("int8", form=form)
    first, *_, last = [line for line in said.lines if line.startswith("int8: ") and "kept out" in line]
    assert first.startswith("int8: 0 nodes kept out, alpha_sad 100 ")  # without, the matte is gone
    assert last.startswith("int8: 1 nodes kept out")
    assert passes(found)
    (row,) = found.kept
    assert row.node == "net/Conv_2"
    assert row.reason.startswith("alone it changes the network's outputs by ")
    assert float(row.reason.split()[-1].rstrip("%")) > 50
    assert found.shares["int8"] > 0.4


def test_two_layers_and_what_stands_between_them() -> None:
    """Relu between both would round what they hand on; measured alone it does nothing."""
    found = calibrator("fp16").calibrated("fp16", form="tensorrt")
    assert passes(found) and found.method == "autocast"
    assert kept(found) == ISLAND
    reasons = {row.node: row.reason for row in found.kept}
    assert reasons["net/Relu_2"].startswith("stands between nodes that are kept")
    assert reasons["net/Conv_3"].startswith("alone it changes the network's outputs by ")


def test_values_beyond_fp16() -> None:
    """Kept by range: never infinite, never silently wrong."""
    found = calibrator("overflow").calibrated("fp16", form="tensorrt")
    assert passes(found)
    assert kept(found) == ISLAND
    assert {row.reason for row in found.kept} == {
        "left out by AutoCast: values above 512 on these frames, or no form in FP16"
    }


@pytest.mark.parametrize(
    ("flaw", "precision"), [("fp16", "int8"), ("overflow", "int8"), ("overflow", "fp8")]
)
def test_what_is_not_quantized_keeps_the_islands_of_fp16(flaw: Flaw, precision: str) -> None:
    """Whether FP16 was asked for before or not, the same graph comes out."""
    alone = calibrator(flaw).calibrated(precision, form="tensorrt")
    assert passes(alone)
    both = calibrator(flaw)
    both.calibrated("fp16", form="tensorrt")
    behind = both.calibrated(precision, form="tensorrt")
    assert behind.model.SerializeToString(deterministic=True) == alone.model.SerializeToString(
        deterministic=True
    )
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(network_of(alone.model)).graph.value_info
    }
    (relu,) = [node for node in alone.model.graph.node if node.name == "net/Relu_2"]
    assert types[relu.output[0]] == onnx.TensorProto.FLOAT


def test_fp16_that_is_not_looked_after_overflows() -> None:
    """What the two tests above would not see if rounding weren't simulated: the flaw is real."""
    from trt_anime.calibration.network import with_network
    from trt_anime.calibration.typing_network import network_in

    stage = bright_matte("overflow")
    frame = {"frame": bright_frames(1)[0][None]}
    typed = network_in("fp16", network_of(stage), form="tensorrt", inputs=None).model
    wrong = run_with_onnxruntime(with_network(stage, typed))(frame)["rgba"]
    right = run_with_onnxruntime(stage)(frame)["rgba"]
    assert np.abs(wrong[..., 3].astype(int) - right[..., 3]).mean() > 50


def test_a_network_that_cannot_be_saved() -> None:
    said = Said()
    found = calibrator("hopeless", said=said).calibrated("int8", form="cpu")
    assert not passes(found)
    assert [metric.name for metric in found.comparison.parity.failures] == ["alpha_sad", "alpha_gradient"]
    tried = [line for line in said.lines if "kept out" in line]
    assert len(tried) == 3  # with none, one and two of five layers: more would be no INT8 any more
    assert found.shares["int8"] > 0.5


def test_least_error_decides_between_methods() -> None:
    said = Said()
    found = calibrator(said=said).calibrated("int8", form="cpu")
    (line,) = [line for line in said.lines if line.startswith("ranges: ")]
    errors = {part.split()[0]: float(part.split()[1].rstrip("%")) for part in line[8:-4].split(", ")}
    assert errors.keys() == {"minmax", "percentile", "entropy"}
    assert errors[found.method] == min(errors.values())
    assert calibrator().calibrated("int8", form="cpu", method="entropy").method == "entropy"


def test_equal_frames_give_equal_graphs() -> None:
    one, other = (calibrator("int8").calibrated("int8", form="cpu").model for _ in range(2))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_black_frames() -> None:
    with pytest.raises(InputError, match="calibration frames: they show nothing; choose a clip"):
        calibrator(black=True).calibrated("int8", form="cpu")


def test_nothing_to_quantize() -> None:
    model = bright_matte()
    for node in model.graph.node:
        node.name = node.name.replace("net/", "pre/").replace("post/Sigmoid", "net/Sigmoid")
    frames = [{"frame": frame[None]} for frame in bright_frames(3)]
    source = Source(Path("bright.onnx"), INFO, model, frames[:2], frames[2:])
    with pytest.raises(EngineError, match="int8: the network has no convolution or matrix product"):
        Calibrator(source, say=Said()).calibrated("int8", form="cpu")


def test_without_modelopt(monkeypatch: pytest.MonkeyPatch) -> None:
    """INT8 for CPUs needs none of it; the rest says so before it measures anything."""
    import sys

    monkeypatch.setitem(sys.modules, "modelopt.onnx.autocast.convert", None)
    said = Said()
    made = calibrator(said=said)
    assert passes(made.calibrated("int8", form="cpu"))
    said.lines.clear()
    for precision in ("fp16", "int8", "fp8"):
        with pytest.raises(MissingError, match=r"pip install 'trt-anime\[calibration\]'"):
            made.calibrated(precision, form="tensorrt")
    assert said.lines == []
