"""Typed graphs of the toy stage graphs, as `trt-anime calibrate` leaves them, in moments."""

import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import onnx

from tests.engines.graphs import frames
from trt_anime import typed
from trt_anime.calibration.network import before_network, network_of, with_network
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.calibration.qdq import values_to_calibrate
from trt_anime.calibration.ranges import value_ranges
from trt_anime.calibration.shares import precision_share
from trt_anime.calibration.typing_network import network_in
from trt_anime.files import sha256_of
from trt_anime.parity import Metric, Parity
from trt_anime.stage import StageInfo
from trt_anime.typed import Form, Frames, Record, Speed, TypedGraph

PASSED = Parity("fp32 graph", "typed graph", 8, (Metric("alpha_sad", 0.1, 0.5, "%", "lower"),), {}, 3)
FAILED = Parity("fp32 graph", "typed graph", 8, (Metric("alpha_sad", 3.0, 0.5, "%", "lower"),), {}, 3)


def calibrated(
    graph: Path,
    *precisions: str,
    form: Form = "tensorrt",
    parity: Parity = PASSED,
    speeds: tuple[Speed, ...] = (),
    in_use: bool = True,
    islands: tuple[str, ...] = (),
) -> list[TypedGraph]:
    """Typed graphs of a stage graph put into the store, with a record that says so."""
    source = graph.read_bytes()
    return [
        typed.install(
            _record(graph, data, precision, form, parity, speeds, in_use),
            data,
            b"not looked at",
        )
        for precision in precisions
        for data in [typed_bytes(source, precision, form, islands)]
    ]


@lru_cache
def typed_bytes(source: bytes, precision: str, form: Form, islands: tuple[str, ...] = ()) -> bytes:
    """The stage graph's network in this precision, ranges from noise."""
    model = onnx.load_from_string(source)
    network = onnx.shape_inference.infer_shapes(network_of(model))
    ranges = None
    if precision != "fp16":
        inputs = [run_with_onnxruntime(before_network(model))({"frame": frames(2, 64, 96)})]
        names = values_to_calibrate(network, form=form)
        ranges = value_ranges(network, names, inputs)["minmax"]
    made = network_in(precision, network, form=form, islands=islands, ranges=ranges).model
    result = with_network(model, made)
    onnx.helper.set_model_props(result, replace(_info(model), precision=precision).to_metadata())
    return bytes(result.SerializeToString(deterministic=True))


def _info(model: onnx.ModelProto) -> StageInfo:
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return StageInfo.from_metadata(properties, source=Path("typed"))


def _record(
    graph: Path,
    data: bytes,
    precision: str,
    form: Form,
    parity: Parity,
    speeds: tuple[Speed, ...],
    in_use: bool,
) -> Record:
    model = onnx.load_from_string(data)
    info = _info(model)
    return Record(
        stage=info.stage,
        model=info.model,
        precision=precision,
        form=form,
        source_sha256=sha256_of(graph),
        graph_sha256=hashlib.sha256(data).hexdigest(),
        settings="5" * 64,
        method="minmax",
        frames=Frames(("noise",), ((0, 0),), ((0, 1),), 0),
        kept=(),
        shares=precision_share(network_of(model)),
        parity=parity,
        speeds=speeds,
        in_use=in_use,
        why="a test says so",
        tools={},
        created="2026-11-25T20:00:00Z",
    )
