"""The graphs `prefill` and `step` on a device: the cache stays there, tokens and logits cross the bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.captions.options import Rows, Scores
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Buffer, Device, Place, Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Binding, Session

_NEW = "new_"  # what a step writes under this name, the next one reads without
_PREFIX = "prefix"


class DeviceLanguage(Closing):
    """A `Language` over two sessions. Each step's cache is written beside the one before, in two halves.

    Args:
        prefill, step: sessions of the graphs; stay the caller's.
        pictures: most pictures at once.
    """

    def __init__(
        self, prefill: Session, step: Session, device: Device, *, pictures: int, stream: Stream
    ) -> None:
        """Raises MissingError: not enough memory."""
        self._prefill, self._step, self._device, self._stream = prefill, step, device, stream
        self._buffers: list[Buffer] = []
        self._most = pictures
        self._inputs = {b.name: b for b in (*prefill.inputs, *step.inputs)}  # a step's are the larger ones
        bindings = {b.name: b for s in (prefill, step) for b in (*s.inputs, *s.outputs)}
        self._memory = {
            name: self._allocated(binding, "device")
            for name, binding in bindings.items()
            if name != _PREFIX
        }
        small = ("tokens", "length", "token", "position", "origin", "logits")
        self._pinned = {name: self._allocated(bindings[name], "pinned") for name in small}
        self._scratch = self._scratch_memory()
        self._done = device.event(name="caption step")
        self._clear_caches()
        self._prompts: tuple[Tensor, Sequence[Sequence[int]]] | None = None
        self._rows = _Rows(np.zeros(0, np.int32), 1, 1)

    @property
    def prompt_tokens(self) -> int:
        """Most tokens of a prompt."""
        return int(self._inputs["tokens"].shape[1])

    @property
    def beams(self) -> int:
        """Most rows of a picture."""
        return int(self._inputs["key_0"].shape[1])

    @property
    def capacity(self) -> int:
        """Most tokens of picture, prompt and caption."""
        return int(self._inputs["key_0"].shape[3])

    def ask(self, prefix: Tensor, prompts: Sequence[Sequence[int]]) -> None:
        """What `start` reads.

        Args:
            prefix: float32 [pictures,length,width] on the device, as the graph `vision` gives it.
            prompts: token ids for each picture, the start token first; lengths may differ.

        Raises:
            InputError: a prompt is empty or too long, or there are too many pictures.
        """
        longest = self.prompt_tokens
        for prompt in prompts:
            if not 1 <= len(prompt) <= longest:
                raise InputError(
                    f"a prompt of {len(prompt)} tokens was given, and the graph takes 1 to {longest};"
                    " shorten it, or export the model with room for more"
                )
        if not len(prompts) == prefix.shape[0] <= self._most:
            raise InputError(
                f"{len(prompts)} prompts were given for {prefix.shape[0]} pictures; give one for each, for"
                f" {self._most} pictures at most"
            )
        self._prompts = prefix, prompts

    def start(self) -> Scores:
        """See `Language.start`; `ask` comes before it."""
        if self._prompts is None:
            raise ValueError("nothing was asked for")
        prefix, prompts = self._prompts
        tokens = np.zeros((len(prompts), self.prompt_tokens), np.int32)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = prompt
        self._upload("tokens", tokens)
        self._upload("length", np.array([len(prompt) for prompt in prompts], np.int32))
        tensors = self._run(self._prefill, len(prompts), {_PREFIX: prefix})
        self._rows = _Rows(self._download(tensors["position"], "position").ravel(), width=1, stride=1)
        return self._download(tensors["logits"], "logits")

    def step(self, tokens: Rows, origin: Rows) -> Scores:
        """See `Language.step`. Raises InputError: the cache is full, or has fewer beams."""
        assert self._prompts is not None
        pictures, before = len(self._prompts[1]), self._rows
        width, places = len(tokens) // pictures, before.places[origin]
        if width > self.beams:
            raise InputError(
                f"a search with {width} beams was asked for, and the graph has {self.beams}; take fewer, or"
                " export the model with more"
            )
        if places.max() >= self.capacity:
            raise InputError(
                f"a caption doesn't fit into the cache of {self.capacity} tokens, picture and prompt"
                " included; ask for fewer tokens, or export the model with a larger cache"
            )
        for name, values in (("token", tokens), ("position", places), ("origin", before.stored(origin))):
            self._upload(name, _filled(values.reshape(pictures, width), self.beams))
        tensors = self._run(self._step, pictures, {})
        memory = self._memory
        for new in [name for name in memory if name.startswith(_NEW)]:
            old = new.removeprefix(_NEW)
            memory[old], memory[new] = memory[new], memory[old]
        self._rows = _Rows(places + np.int32(1), width=width, stride=self.beams)
        logits = self._download(tensors["logits"], "logits")
        return logits[:, :width].reshape(len(tokens), -1)

    def close(self) -> None:
        """Wait, then give the memory back."""
        self._device.record(self._done, stream=self._stream)
        self._device.synchronize(self._done)
        while self._buffers:
            self._buffers.pop().close()

    def _run(self, session: Session, pictures: int, own: dict[str, Tensor]) -> dict[str, Tensor]:
        tensors = {
            b.name: own[b.name] if b.name in own else self._view(b, pictures)
            for b in (*session.inputs, *session.outputs)
        }
        session.enqueue(tensors, stream=self._stream, scratch=self._scratch)
        return tensors

    def _view(self, binding: Binding, pictures: int) -> Tensor:
        """Memory as a binding wants it: ``prefill`` and ``step`` have caches of different shapes."""
        shape = (pictures, *map(int, binding.shape[1:]))
        return Tensor(self._memory[binding.name].buffer, shape, binding.dtype)

    def _upload(self, name: str, values: NDArray[Any]) -> None:
        pinned = Tensor(self._pinned[name].buffer, values.shape, values.dtype)
        with self._device.writing(pinned) as array:
            array[...] = values
        target = Tensor(self._memory[name].buffer, values.shape, values.dtype)
        self._device.copy(target, pinned, stream=self._stream)

    def _download(self, tensor: Tensor, name: str) -> NDArray[Any]:
        """Waits for all that was put on the stream."""
        pinned = Tensor(self._pinned[name].buffer, tensor.shape, tensor.dtype)
        self._device.copy(pinned, tensor, stream=self._stream)
        self._device.record(self._done, stream=self._stream)
        self._device.synchronize(self._done)
        with self._device.reading(pinned) as array:
            return array.copy()

    def _clear_caches(self) -> None:
        """A step reads whole caches, though only what was written counts: no NaN may lie in the rest."""
        caches = [t for name, t in self._memory.items() if name.startswith(("key_", "value_", _NEW))]
        zeros = self._made("zeros", caches[0].shape, caches[0].dtype, "pinned")
        with self._device.writing(zeros) as array:
            array[...] = 0
        for cache in caches:
            self._device.copy(cache, zeros, stream=self._stream)

    def _scratch_memory(self) -> Tensor | None:
        size_bytes = max(
            session.scratch_bytes({b.name: (self._most, *map(int, b.shape[1:])) for b in session.inputs})
            for session in (self._prefill, self._step)
        )
        return self._made("scratch", (size_bytes,), np.dtype(np.uint8), "device") if size_bytes else None

    def _allocated(self, binding: Binding, place: Place) -> Tensor:
        shape = (self._most, *map(int, binding.shape[1:]))
        return self._made(binding.name, shape, binding.dtype, place)

    def _made(self, name: str, shape: Shape, dtype: np.dtype[Any], place: Place) -> Tensor:
        make = self._device.allocate if place == "device" else self._device.allocate_pinned
        buffer = make(prod(shape) * dtype.itemsize, name=f"caption {name}")
        self._buffers.append(buffer)
        return Tensor(buffer, shape, dtype)


@dataclass(frozen=True)
class _Rows:
    """What the cache holds.

    Attributes:
        places: int32, for each row as a search counts them, the slot that its next token takes.
        width: rows of a picture as a search counts them.
        stride: rows of a picture in the cache.
    """

    places: Rows
    width: int
    stride: int

    def stored(self, rows: Rows) -> Rows:
        """Numbers of rows in the cache."""
        picture, beam = np.divmod(rows, np.int32(self.width))
        return picture * np.int32(self.stride) + beam


def _filled(values: Rows, beams: int) -> Rows:
    """[pictures,width] -> [pictures,beams]: beams that nobody asked for do what the first one does."""
    return np.concatenate([values, np.repeat(values[:, :1], beams - values.shape[1], axis=1)], axis=1)
