"""One network's layer with the refinement, and the plain one without: both from the same map."""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from samples.scene import GroundTruth
from trt_anime.errors import InputError
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.export.matte.finish import finish_graph
from trt_anime.export.matte.official import network_from_onnx
from trt_anime.export.matte.options import RefineOptions
from trt_anime.export.matte.prepare import prepare_graph
from trt_anime.export.recipes.matte import Preprocess

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]

ORACLE = "oracle"
ORACLE_SIDE, ORACLE_SIGMA = 320, 1.0
ORACLE_RULE = "u2netp"


@dataclass(frozen=True)
class Layers:
    """uint8 [H,W,4], RGB and straight alpha. `without`: the frame's colours, the enlarged map."""

    without: Pixels
    refined: Pixels


class Matting(Protocol):
    def layers(self, truth: GroundTruth) -> Layers: ...


class NetworkMatting:
    """A model of the catalogue. Without refinement: its own preprocessing and network, nothing after."""

    def __init__(self, model: str, *, threads: int) -> None:
        """Raises DownloadError: the weights are not here, and no source gives them."""
        row = catalogue.get(model)
        self._rule = row.recipe_as(Preprocess)
        self._prepare = _session(prepare_graph(row.recipe_as(Preprocess)), threads)
        network = network_from_onnx(checkpoints.pull(row, door="onnx"))
        self._network = _session(network, threads)
        self._stage = _session(onnx.load(graphs.ensure(model)["matte"]), threads)

    def layers(self, truth: GroundTruth) -> Layers:
        frame = truth.frame[None]
        (image,) = self._prepare.run(["image"], {"frame": frame})
        (network_map,) = self._network.run(["map"], {"image": image})
        (rgba,) = self._stage.run(["rgba"], {"frame": frame})
        return Layers(plain_layer(truth.frame, network_map[0, 0], self._rule), rgba[0])


class OracleMatting:
    """In the network's place the truth itself, as small and as soft as a network would give it."""

    def __init__(self, *, threads: int) -> None:
        self._rule = catalogue.get(ORACLE_RULE).recipe_as(Preprocess)
        self._prepare = _session(prepare_graph(self._rule), threads)
        self._finish = _session(finish_graph(self._rule, RefineOptions()), threads)

    def layers(self, truth: GroundTruth) -> Layers:
        side = (ORACLE_SIDE, ORACLE_SIDE)
        small = cv2.resize(truth.alpha, side, interpolation=cv2.INTER_AREA)
        soft = np.asarray(cv2.GaussianBlur(small, (0, 0), ORACLE_SIGMA), np.float32)
        picture, size = self._prepare.run(["picture", "size"], {"frame": truth.frame[None]})
        feeds = {"picture": picture, "size": size, "map": soft[None, None]}
        (rgba,) = self._finish.run(["rgba"], feeds)
        return Layers(plain_layer(truth.frame, soft, self._rule), rgba[0])


def plain_layer(frame: Pixels, network_map: Map, rule: Preprocess) -> Pixels:
    """What one gets by enlarging the map [h,w]. Raises InputError for a letterboxed network."""
    if rule.size_rule.fit == "letterbox" or rule.output == "sigmoid":
        raise InputError("a network with a letterbox or with logits is not in this benchmark yet")
    if rule.output == "min_max":
        lowest = network_map.min()
        network_map = (network_map - lowest) / max(float(network_map.max() - lowest), 1e-6)
    height, width = frame.shape[:2]
    large = cv2.resize(network_map, (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = np.round(255 * np.clip(large, 0, 1)).astype(np.uint8)
    return np.dstack([frame, alpha])


def _session(graph: onnx.ModelProto, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
