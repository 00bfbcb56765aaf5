"""LaMa as ONNX, written out from the loaded network.

torch.onnx.export takes minutes for its 18 blocks with a free size. Written by hand, the graph is smaller
too: batch norms are folded into the convolutions before them, the two parts of the spectrum lie one behind
the other instead of alternating, the transforms' matrices are computed once for all 36 of them, and the
last convolution gives four pixels at once.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray
from spox import Var, argument
from torch import Tensor, nn

from trt_anime.export.geometry import extent, integers, scalar
from trt_anime.export.lowerings.four_at_once import four_at_once
from trt_anime.export.networks.lama import FourierBlock, FourierLayer, Lama, SpectralTransform
from trt_anime.export.standins import StandIns
from trt_anime.stage import COORDINATES

Weights = NDArray[np.float64]
Pair = tuple[Var, Var | None]


def onnx_from_lama(network: Lama) -> onnx.ModelProto:
    """Input ``image`` [batch,4,h,w], output ``fill`` [batch,3,h,w] in 0..1, opset 20; all three are free.

    The matrices of the transforms are computed from h and w; where an engine fixes those, they are
    constants. Large weights are where `weights_aside` says. Raises OutputError.
    """
    weights = StandIns()
    image = argument(spox.Tensor(np.float32, ("batch", 4, "image_height", "image_width")))
    layers = list(network.model)
    pair: Pair = (image, None)
    waves: _Waves | None = None
    for layer in layers[network.start : network.middle]:
        if isinstance(layer, FourierBlock):
            assert waves is not None
            result = _layer(weights, _layer(weights, pair, layer.conv1, waves), layer.conv2, waves)
            assert pair[1] is not None
            pair = _sum(pair[0], result[0]), _sum(pair[1], result[1])
        else:
            assert isinstance(layer, FourierLayer)
            pair = _layer(weights, pair, layer, waves)
        if waves is None and pair[1] is not None:
            waves = _Waves.of(pair[1])
    assert pair[1] is not None
    x = op.concat([pair[0], pair[1]], axis=1)
    tail = layers[network.middle + 1 : -3]
    for enlarge, norm in zip(tail[0::3], tail[1::3], strict=True):
        x = op.relu(_enlarged(weights, x, enlarge, norm))
    model = weights.built({"image": image}, {"fill": _last(weights, x, layers[-2])})
    _mark_matrices(model.graph)
    _weights_as_initializers(model.graph)
    return model


@dataclass(frozen=True)
class _Waves:
    """The matrices of the transform of a map, as in `networks.fourier`, and of its inverse."""

    rows: Var  # [w, 2 (w//2+1)]
    turn: Var  # [2h, 2h]
    turn_back: Var
    columns: Var  # [2 (w//2+1), w]

    @classmethod
    def of(cls, plane: Var) -> "_Waves":
        height, width = extent(plane, 2), extent(plane, 3)
        half = op.add(op.div(width, integers(2)), integers(1))
        cos, sin = _cos_sin(height, height)
        minus = op.neg(sin)
        turn = op.concat([op.concat([cos, sin], axis=1), op.concat([minus, cos], axis=1)], axis=0)
        back = op.concat([op.concat([cos, minus], axis=1), op.concat([sin, cos], axis=1)], axis=0)
        cos, sin = _cos_sin(width, half)
        rows = op.concat([cos, op.neg(sin)], axis=1)
        # All columns but the first and, if there is one, the middle one stand for two.
        order = _counted(half)
        ends = op.min([order, op.sub(width, op.mul(order, integers(2)))])
        twice = op.add(op.cast(op.min([ends, integers(1)]), to=np.float32), scalar(1))
        columns = op.concat([op.mul(cos, twice), op.neg(op.mul(sin, twice))], axis=1)
        return cls(rows, turn, back, op.transpose(columns, perm=[1, 0]))


def _cos_sin(length: Var, count: Var) -> tuple[Var, Var]:
    """cos and sin of 2 pi n l / length, over the root of `length`; [length,count] each."""
    products = op.mul(op.reshape(_counted(length), integers(-1, 1)), _counted(count))
    turns = op.cast(op.mod(products, length), to=np.float32)
    whole = op.cast(length, to=np.float32)
    angle = op.div(op.mul(turns, scalar(2 * np.pi)), whole)
    root = op.sqrt(whole)
    return op.div(op.cos(angle), root), op.div(op.sin(angle), root)


def _counted(length: Var) -> Var:
    """int64: 0, 1, 2... length - 1."""
    return op.range(op.const(0), op.squeeze(length), op.const(1))


def _layer(weights: StandIns, pair: Pair, layer: FourierLayer, waves: _Waves | None) -> Pair:
    local, spread = pair
    paths = layer.ffc
    near = _padded(local, paths.padding)
    far = None if spread is None else _padded(spread, paths.padding)
    scale, bias = _norm(layer.bn_l)
    close = _path(weights, near, paths.convl2l, scale, bias)
    assert close is not None
    result = op.relu(_sum(close, _path(weights, far, paths.convg2l, scale)))
    if layer.bn_g is None:
        return result, None
    scale, bias = _norm(layer.bn_g)
    direct = _path(weights, near, paths.convl2g, scale, bias)
    assert direct is not None
    if paths.convg2g is None:
        return result, op.relu(_sum(direct, None))
    assert spread is not None and waves is not None
    return result, op.relu(_sum(direct, _spectral(weights, spread, paths.convg2g, scale, waves)))


def _spectral(
    weights: StandIns, x: Var, transform: SpectralTransform, scale: Weights, waves: _Waves
) -> Var:
    inner, bias = _norm(transform.conv1[1])
    y = op.relu(_convolved(weights, x, transform.conv1[0], inner, bias))
    # The network's channels alternate, real, imaginary, real...; here all real ones come first.
    order = np.arange(transform.fu.conv_layer.in_channels).reshape(-1, 2).T.ravel()
    inner, bias = _norm(transform.fu.bn)
    kernel = weights.weight(
        tuple(transform.fu.conv_layer.weight.shape),
        lambda: _scaled(transform.fu.conv_layer, inner)[order][:, order],
    )
    spectrum = op.relu(op.conv(_forward(y, waves), kernel, _constant(bias[order])))
    return _convolved(weights, op.add(y, _inverse(spectrum, waves)), transform.conv2, scale)


def _forward(planes: Var, waves: _Waves) -> Var:
    """[B,C,h,w] -> [B,2C,h,w//2+1]."""
    stacked = _moved(op.matmul(planes, waves.rows), 3, 2)
    return _moved(op.matmul(waves.turn, stacked), 2, 1)


def _inverse(spectrum: Var, waves: _Waves) -> Var:
    """[B,2C,h,w//2+1] -> [B,C,h,w]."""
    columns = _moved(op.matmul(waves.turn_back, _moved(spectrum, 1, 2)), 2, 3)
    return op.matmul(columns, waves.columns)


def _moved(x: Var, start: int, end: int) -> Var:
    """Its two halves along the axis `start`, one behind the other along `end`."""
    return op.concat(list(op.split(x, num_outputs=2, axis=start)), axis=end)


def _path(
    weights: StandIns, x: Var | None, path: nn.Conv2d | None, scale: Weights, bias: Weights | None = None
) -> Var | None:
    if x is None or path is None:
        return None
    return _convolved(weights, x, path, scale, bias)


def _enlarged(weights: StandIns, x: Var, path: nn.Module, norm: nn.Module) -> Var:
    assert isinstance(path, nn.ConvTranspose2d)
    scale, shift = _norm(norm)
    kernel = weights.weight(
        tuple(path.weight.shape), lambda: _values(path.weight) * scale[None, :, None, None]
    )
    bias = _constant(_values(path.bias) * scale + shift)
    return op.conv_transpose(x, kernel, bias, strides=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1))


def _last(weights: StandIns, x: Var, path: nn.Module) -> Var:
    """Three channels leave most of what CPUs compute at once unused: see `lowerings.four_at_once`."""
    assert isinstance(path, nn.Conv2d)
    outputs, inputs, height, width = path.weight.shape
    kernel = weights.weight(
        (4 * outputs, inputs, height + 1, width + 1), lambda: four_at_once(_values(path.weight))
    )
    bias = _constant(np.repeat(_values(path.bias), 4))
    four = op.sigmoid(op.conv(_padded(x, height // 2), kernel, bias, strides=(2, 2)))
    return op.depth_to_space(four, blocksize=2, mode="CRD")


def _convolved(
    weights: StandIns, x: Var, path: nn.Module, scale: Weights, bias: Weights | None = None
) -> Var:
    """With the batch norm behind it: `scale` and `bias` are its."""
    assert isinstance(path, nn.Conv2d)
    kernel = weights.weight(tuple(path.weight.shape), lambda: _scaled(path, scale))
    added = None if bias is None else _constant(bias)
    return op.conv(x, kernel, added, strides=(path.stride[0], path.stride[0]))


def _constant(values: Weights) -> Var:
    return op.const(values.astype(np.float32))


def _scaled(path: nn.Module, scale: Weights) -> Weights:
    """The kernel of a convolution with the batch norm behind it in it."""
    assert isinstance(path, nn.Conv2d)
    return _values(path.weight) * scale[:, None, None, None]


def _norm(norm: nn.Module) -> tuple[Weights, Weights]:
    """Factor and offset, per channel, of a batch norm."""
    assert isinstance(norm, nn.BatchNorm2d)
    scale = _values(norm.weight) / np.sqrt(_values(norm.running_var) + norm.eps)
    return scale, _values(norm.bias) - _values(norm.running_mean) * scale


def _values(tensor: Tensor | None) -> Weights:
    assert tensor is not None
    return tensor.detach().cpu().double().numpy()


def _padded(x: Var, padding: int) -> Var:
    return op.pad(x, integers(0, 0, padding, padding, 0, 0, padding, padding), mode="reflect")


def _sum(a: Var, b: Var | None) -> Var:
    return a if b is None else op.add(a, b)


def _mark_matrices(graph: onnx.GraphProto) -> None:
    """Say of the nodes that make the matrices, all of them from a shape, that they are no place for FP16:
    it would round the angles away."""
    made: set[str] = set()
    for node in graph.node:
        if node.op_type == "Shape" or (node.op_type != "MatMul" and not made.isdisjoint(node.input)):
            node.name = f"fourier{COORDINATES}{node.name}"
            made.update(node.output)


def _weights_as_initializers(graph: onnx.GraphProto) -> None:
    """What calibration and ONNX Runtime take for weights; Spox writes nodes for constants."""
    nodes = list(graph.node)
    graph.ClearField("node")
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
        else:
            graph.node.append(node)
