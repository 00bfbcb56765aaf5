"""PyNvVideoCodec without a GPU: what we use of its version 2.2.4, decoding through FFmpeg.

Names, keywords and memory layout are the real module's.
"""

import ctypes
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import av
import numpy as np


class DecodedFrame:
    """A picture in host memory, as NV12 or P016: rows of an even width, then U and V in turn."""

    def __init__(self, picture: av.VideoFrame, pts: int) -> None:
        self._pts = pts
        wide = picture.format.name not in ("yuv420p", "yuvj420p")
        sample = np.dtype("<u2") if wide else np.dtype(np.uint8)
        shift = 16 - picture.format.components[0].bits if wide else 0
        luma, u, v = (
            np.left_shift(
                np.frombuffer(memoryview(plane), sample).reshape(plane.height, -1)[:, : plane.width], shift
            )
            for plane in picture.planes
        )
        rows, columns = u.shape
        padded = np.full((picture.height, 2 * columns), 77, sample)
        padded[:, : picture.width] = luma
        chroma = np.stack([u, v], axis=-1).reshape(rows, 2 * columns)
        self.memory = np.ascontiguousarray(np.concatenate([padded, chroma]), sample)
        self.format = SimpleNamespace(name="P016" if wide else "NV12")

    def getPTS(self) -> int:  # noqa: N802 - the module's names, here and below
        return self._pts

    def framesize(self) -> int:
        return self.memory.nbytes

    def GetPtrToPlane(self, arg0: int) -> int:  # noqa: N802
        assert arg0 == 0
        return self.memory.ctypes.data


class PyNvDemuxer:
    def __init__(self, filename: str) -> None:
        self.container = av.open(filename)
        self.stream = self.container.streams.video[0]

    def GetVideoStreamId(self) -> int:  # noqa: N802
        return self.stream.index

    def GetNvCodecId(self) -> str:  # noqa: N802
        return f"cudaVideoCodec of {self.stream.codec_context.name}"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.container.demux(self.stream))


class PyNvDecoder:
    """The memory of what it gave before is overwritten at each call, as the real one's may be."""

    def __init__(self) -> None:
        self.given: list[DecodedFrame] = []

    def Decode(self, arg0: Any) -> list[DecodedFrame]:  # noqa: N802
        for old in self.given:
            ctypes.memset(old.memory.ctypes.data, 0xEE, old.memory.nbytes)
        self.given = [DecodedFrame(picture, picture.pts) for picture in arg0.decode()]
        return self.given


class FakeModule:
    """Stands for the module; a test may change what it gives through `decoder`."""

    def __init__(self) -> None:
        self.decoder = PyNvDecoder()
        self.asked: dict[str, Any] = {}

    def CreateDemuxer(self, filename: str) -> PyNvDemuxer:  # noqa: N802
        return PyNvDemuxer(filename)

    def CreateDecoder(  # noqa: N802
        self, gpuid: int = 0, codec: str = "", usedevicememory: bool = True
    ) -> PyNvDecoder:
        self.asked = {"gpuid": gpuid, "codec": codec, "usedevicememory": usedevicememory}
        return self.decoder
