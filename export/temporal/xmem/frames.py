"""Around the networks: what turns frames into their input, and their output into masks of frame size."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.networks.xmem.constants import LEAST, MEAN, MOST, STD
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.export.temporal.xmem.tensors import OBJECTS, Channels, Kind, tensors


class Frames:
    """Builds the parts for one profile and network."""

    def __init__(self, profile: MemoryProfile, channels: Channels) -> None:
        self.profile, self.channels = profile, channels
        self.kinds = tensors(profile, channels)

    def image(self) -> onnx.ModelProto:
        """frame -> image float32 [1,3,h,w], the network's input."""
        frame = self._argument("frame")
        return build({"frame": frame}, {"image": self._image(frame)})

    def image_and_masks(self) -> onnx.ModelProto:
        """frame, probability -> image, masks float32 [objects,2,h,w]: each object's, and all others'."""
        frame, probability = self._argument("frame"), self._argument("probability")
        others = op.sub(op.reduce_sum(probability, _integers(0), keepdims=True), probability)
        masks = op.concat([probability, others], axis=1)
        inputs = {"frame": frame, "probability": probability}
        return build(inputs, {"image": self._image(frame), "masks": masks})

    def key_rows(self) -> onnx.ModelProto:
        """key_map, shrinkage_map, selection_map -> key, shrinkage, selection: a row for each cell."""
        depths = {"key": self.channels.key, "shrinkage": 1, "selection": self.channels.key}
        maps = {name: self._map(1, depth) for name, depth in depths.items()}
        rows = {name: _rows(tensor, depths[name]) for name, tensor in maps.items()}
        rows["shrinkage"] = op.reshape(maps["shrinkage"], _integers(-1))
        return build({f"{name}_map": tensor for name, tensor in maps.items()}, rows)

    def value_rows(self) -> onnx.ModelProto:
        """value_map -> value: a row for each cell."""
        value = self._map(OBJECTS, self.channels.value)
        flat = op.reshape(value, _integers(0, self.channels.value, -1))
        return build({"value_map": value}, {"value": op.transpose(flat, perm=[0, 2, 1])})

    def masks(self) -> onnx.ModelProto:
        """logits float32 [objects,1,h/4,w/4] -> new_probability, labels, matte."""
        height, width = self.profile.grid
        logits = argument(Tensor(np.float32, (OBJECTS, 1, 4 * height, 4 * width)))
        scales = op.const(np.array([1, 1, 4, 4], np.float32))
        full = op.resize(logits, scales=scales, mode="linear", coordinate_transformation_mode="half_pixel")
        return build({"logits": logits}, self._results(op.sigmoid(full)))

    def merged(self) -> onnx.ModelProto:
        """mask, given, probability -> new_probability, labels, matte: what is given overrides.

        Pixels that the mask covers belong to no object but those in it.
        """
        inputs = {name: self._argument(name) for name in ("mask", "given", "probability")}
        labels = self._padded(self._label_map(inputs["mask"]))
        given = op.reshape(inputs["given"], _integers(-1, 1, 1, 1))
        drawn = op.less(op.abs(op.sub(labels, given)), _scalar(0.5))
        ones = op.where(drawn, _scalar(1), _scalar(0))
        covered = op.greater(op.reduce_max(ones, _integers(0), keepdims=True), _scalar(0.5))
        kept = op.where(covered, _scalar(0), inputs["probability"])
        masks = op.where(op.greater(given, _scalar(0.5)), ones, kept)
        return build(inputs, self._results(masks))

    def _image(self, frame: Var) -> Var:
        profile = self.profile
        flat = op.reshape(op.cast(frame, to=np.float32), _integers(profile.height * profile.width, 3))
        planes = op.transpose(flat, perm=[1, 0])  # a 4-D transpose would be moved through the arithmetic
        pixels = op.reshape(planes, _integers(1, 3, profile.height, profile.width))
        unit = op.div(self._shrunk(pixels), _scalar(255))
        return self._padded(op.div(op.sub(unit, _per_channel(MEAN)), _per_channel(STD)))

    def _shrunk(self, pixels: Var) -> Var:
        """Averaged by the whole-number part of the reduction, bilinearly by the rest."""
        profile = self.profile
        height, width = profile.network_size
        if (height, width) == (profile.height, profile.width):
            return pixels
        box = max(
            size
            for size in range(1, profile.height // height + 1)
            if profile.height % size == profile.width % size == 0
        )
        if box > 1:
            pixels = op.average_pool(pixels, kernel_shape=[box, box], strides=[box, box])
        return _resized(pixels, height, width)

    def _label_map(self, mask: Var) -> Var:
        """uint8 [1,H,W] -> float32 [1,1,h,w] at the network's size, nearest."""
        profile = self.profile
        height, width = profile.network_size
        labels = op.unsqueeze(op.cast(mask, to=np.float32), _integers(1))
        if (height, width) == (profile.height, profile.width):
            return labels
        return op.resize(labels, sizes=_integers(1, 1, height, width), mode="nearest")

    def _padded(self, planes: Var) -> Var:
        top, left, bottom, right = self.profile.margins
        if not any(self.profile.margins):
            return planes
        return op.pad(planes, _integers(0, 0, top, left, 0, 0, bottom, right), _scalar(0))

    def _results(self, masks: Var) -> dict[str, Var]:
        """From each object's probability by itself to who is where."""
        shares, background = _shared_out(masks)
        matte, rest = self._at_frame_size(shares), self._at_frame_size(background)
        best = op.reduce_max(matte, _integers(0), keepdims=True)
        number = op.add(op.cast(op.arg_max(matte, axis=0, keepdims=True), to=np.float32), _scalar(1))
        labels = op.where(op.greater(best, rest), number, _scalar(0))
        levels = op.round(op.mul(matte, _scalar(255)))
        one = _integers(1)
        return {
            "new_probability": shares,
            "labels": op.cast(op.squeeze(labels, one), to=np.uint8),
            "matte": op.cast(op.squeeze(levels, one), to=np.uint8),
        }

    def _at_frame_size(self, planes: Var) -> Var:
        profile = self.profile
        top, left, _, _ = profile.margins
        height, width = profile.network_size
        if any(profile.margins):
            ends = _integers(top + height, left + width)
            planes = op.slice(planes, _integers(top, left), ends, _integers(2, 3))
        if (height, width) == (profile.height, profile.width):
            return planes
        return _resized(planes, profile.height, profile.width)

    def _argument(self, name: str) -> Var:
        return argument_of(self.kinds[name])

    def _map(self, count: int | str, depth: int) -> Var:
        return argument(Tensor(np.float32, (count, depth, *self.profile.grid)))


def argument_of(kind: Kind) -> Var:
    """A graph input."""
    return argument(Tensor(kind.dtype, kind.shape))


def _shared_out(masks: Var) -> tuple[Var, Var]:
    """(probability of each object, of the background): odds, divided by the sum of all odds."""
    background = op.reduce_prod(op.sub(_scalar(1), masks), _integers(0), keepdims=True)
    own, rest = _odds(masks), _odds(background)
    total = op.add(op.reduce_sum(own, _integers(0), keepdims=True), rest)
    return op.div(own, total), op.div(rest, total)


def _odds(probability: Var) -> Var:
    bounded = op.clip(probability, _scalar(LEAST), _scalar(MOST))
    return op.div(bounded, op.sub(_scalar(1), bounded))


def _rows(tensor: Var, depth: int) -> Var:
    """[1,depth,h,w] -> [h*w,depth]."""
    return op.transpose(op.reshape(tensor, _integers(depth, -1)), perm=[1, 0])


def _resized(planes: Var, height: int, width: int) -> Var:
    sizes = op.concat([op.shape(planes, end=2), _integers(height, width)], axis=0)
    return op.resize(planes, sizes=sizes, mode="linear", coordinate_transformation_mode="half_pixel")


def _per_channel(values: tuple[float, float, float]) -> Var:
    return op.const(np.array(values, np.float32).reshape(1, 3, 1, 1))


def _integers(*values: int) -> Var:
    return op.const(np.array(values, np.int64))


def _scalar(value: float) -> Var:
    return op.const(np.float32(value))
