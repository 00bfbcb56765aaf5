"""Captions of frames: the graphs `vision`, `prefill` and `step` as one function of pictures."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from trt_anime.runtime.captions.language import DeviceLanguage
from trt_anime.runtime.captions.options import SearchOptions
from trt_anime.runtime.captions.search import captions_of
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Buffer, Device, Tensor
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.sessions.api import Session


class Captioner(Closing):
    """Memory and a stream for frames of one size; for one thread at a time.

    Args:
        vision, prefill, step: sessions of the graphs; stay the caller's.
        start: the token that a caption begins after.
        decode: the text of a caption's tokens, such as `Tokenizer.decode`.
        size: (height, width) of the frames.
        pictures: how many frames a run takes; fewer are filled up.
    """

    def __init__(
        self,
        vision: Session,
        prefill: Session,
        step: Session,
        device: Device,
        *,
        start: int,
        decode: Callable[[Iterable[int]], str],
        options: SearchOptions,
        size: tuple[int, int],
        pictures: int = 1,
    ) -> None:
        """Raises MissingError: not enough memory. InputError: the session takes frames of another size."""
        self._vision, self._device = vision, device
        self._start, self._decode, self._options, self._pictures = start, decode, options, pictures
        self._buffers: list[Buffer] = []
        self._stream = device.stream(name="caption")
        shape = (pictures, *size, 3)
        shapes = {"frame": shape}
        self._pinned = self._tensor(device.allocate_pinned, "pinned frame", shape, np.uint8)
        self._frame = self._tensor(device.allocate, "frame", shape, np.uint8)
        prefix = next(binding for binding in vision.outputs if binding.name == "prefix")
        self._prefix = self._tensor(
            device.allocate, "prefix", vision.shapes(shapes)["prefix"], prefix.dtype.type
        )
        size_bytes = vision.scratch_bytes(shapes)
        self._scratch = (
            self._tensor(device.allocate, "scratch", (size_bytes,), np.uint8) if size_bytes else None
        )
        self._language = DeviceLanguage(prefill, step, device, pictures=pictures, stream=self._stream)

    def __call__(self, frames: Sequence[Pixels]) -> list[str]:
        """A caption of each frame, uint8 [H,W,3], 0..255, RGB.

        Raises EngineError: the device or a library failed.
        """
        texts: list[str] = []
        for first in range(0, len(frames), self._pictures):
            texts += self._captions(list(frames[first : first + self._pictures]))
        return texts

    def close(self) -> None:
        """Wait, then give the memory back."""
        self._language.close()
        while self._buffers:
            self._buffers.pop().close()

    def _captions(self, frames: list[Pixels]) -> list[str]:
        filled = frames + frames[-1:] * (self._pictures - len(frames))
        with self._device.writing(self._pinned) as array:
            np.stack(filled, out=array)
        self._device.copy(self._frame, self._pinned, stream=self._stream)
        self._vision.enqueue(
            {"frame": self._frame, "prefix": self._prefix}, stream=self._stream, scratch=self._scratch
        )
        self._language.ask(self._prefix, [[self._start]] * len(filled))
        found = captions_of(self._language, self._options)[: len(frames)]
        return [" ".join(self._decode(caption.tokens).split()) for caption in found]

    def _tensor(
        self, make: Callable[..., Buffer], name: str, shape: tuple[int, ...], dtype: type[np.generic]
    ) -> Tensor:
        kind = np.dtype(dtype)
        self._buffers.append(make(int(np.prod(shape)) * kind.itemsize, name=name))
        return Tensor(self._buffers[-1], shape, kind)
