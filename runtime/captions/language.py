"""The graphs `prefill` and `step` on a device: the cache stays there, tokens and logits cross the bus."""

from __future__ import annotations

from collections.abc import Sequence
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
_PICTURE = "picture_"


class DeviceLanguage(Closing):
    """A `Language` over two sessions. Each step's cache is written beside the one before, in two halves.

    Args:
        prefill, step: sessions of the graphs; stay the caller's.
        pictures: most pictures at once.
        beams: most rows for each of them.
    """

    def __init__(
        self,
        prefill: Session,
        step: Session,
        device: Device,
        *,
        pictures: int,
        beams: int,
        stream: Stream,
    ) -> None:
        """Raises MissingError: not enough memory."""
        self._prefill, self._step, self._device, self._stream = prefill, step, device, stream
        self._buffers: list[Buffer] = []
        self._inputs = {binding.name: binding for binding in prefill.inputs}
        self._most = {"pictures": pictures, "rows": pictures * beams}
        bindings = {b.name: b for s in (prefill, step) for b in (*s.inputs, *s.outputs)}
        self._tensors = {
            name: self._allocated(binding, "device")
            for name, binding in bindings.items()
            if name != "prefix"
        }
        small = ("tokens", "length", "token", "position", "origin", "logits")
        self._pinned = {name: self._allocated(bindings[name], "pinned") for name in small}
        self._scratch = self._scratch_memory()
        self._done = device.event(name="caption step")
        self._clear_caches()
        self._prompts: tuple[Tensor, Sequence[Sequence[int]]] | None = None
        self._places: Rows = np.zeros(0, np.int32)
        self._pictures = 0

    @property
    def prompt_tokens(self) -> int:
        """Most tokens of a prompt."""
        return int(self._inputs["tokens"].shape[1])

    @property
    def capacity(self) -> int:
        """Most tokens of picture, prompt and caption."""
        return int(self._tensors["key_0"].shape[2])

    def ask(self, prefix: Tensor, prompts: Sequence[Sequence[int]]) -> None:
        """What `start` reads.

        Args:
            prefix: float32 [pictures,length,width] on the device, as the graph `vision` gives it.
            prompts: token ids for each picture, the start token first; lengths may differ.

        Raises:
            InputError: a prompt is empty or too long, or there are too many pictures.
        """
        longest, most = self.prompt_tokens, self._most["pictures"]
        for prompt in prompts:
            if not 1 <= len(prompt) <= longest:
                raise InputError(
                    f"a prompt of {len(prompt)} tokens was given, and the graph takes 1 to {longest};"
                    " shorten it, or export the model with room for more"
                )
        if not len(prompts) == prefix.shape[0] <= most:
            raise InputError(
                f"{len(prompts)} prompts were given for {prefix.shape[0]} pictures; give one for each, for"
                f" {most} pictures at most"
            )
        self._prompts, self._pictures = (prefix, prompts), len(prompts)

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
        logits = self._run(self._prefill, len(prompts), {"prefix": prefix})
        self._places = self._download("position", len(prompts))
        return logits

    def step(self, tokens: Rows, origin: Rows) -> Scores:
        """See `Language.step`."""
        places = self._places[origin]
        if places.max() >= self.capacity:
            raise InputError(
                f"a caption doesn't fit into the cache of {self.capacity} tokens, picture and prompt"
                " included; ask for fewer tokens, or export the model with a larger cache"
            )
        for name, values in (("token", tokens), ("position", places), ("origin", origin)):
            self._upload(name, values)
        logits = self._run(self._step, len(tokens), {})
        for name in [name for name in self._tensors if name.startswith(_NEW)]:
            old = name.removeprefix(_NEW)
            self._tensors[old], self._tensors[name] = self._tensors[name], self._tensors[old]
        self._places = places + np.int32(1)
        return logits

    def close(self) -> None:
        """Wait, then give the memory back."""
        self._device.record(self._done, stream=self._stream)
        self._device.synchronize(self._done)
        while self._buffers:
            self._buffers.pop().close()

    def _run(self, session: Session, rows: int, own: dict[str, Tensor]) -> Scores:
        tensors = {
            b.name: own[b.name] if b.name in own else self._tensors[b.name].rows(self._rows(b, rows))
            for b in (*session.inputs, *session.outputs)
        }
        session.enqueue(tensors, stream=self._stream, scratch=self._scratch)
        return self._download("logits", rows)

    def _rows(self, binding: Binding, rows: int) -> int:
        return self._pictures if binding.name.startswith(_PICTURE) else rows

    def _upload(self, name: str, values: NDArray[Any]) -> None:
        pinned = self._pinned[name].rows(len(values))
        with self._device.writing(pinned) as array:
            array[...] = values
        self._device.copy(self._tensors[name].rows(len(values)), pinned, stream=self._stream)

    def _download(self, name: str, rows: int) -> NDArray[Any]:
        """Waits for all that was put on the stream."""
        pinned = self._pinned[name].rows(rows)
        self._device.copy(pinned, self._tensors[name].rows(rows), stream=self._stream)
        self._device.record(self._done, stream=self._stream)
        self._device.synchronize(self._done)
        with self._device.reading(pinned) as array:
            return array.copy()

    def _allocated(self, binding: Binding, place: Place) -> Tensor:
        of_pictures = binding.name.startswith(_PICTURE) or binding.name in ("tokens", "length")
        rows = self._most["pictures" if of_pictures else "rows"]
        return self._made(binding.name, (rows, *map(int, binding.shape[1:])), binding.dtype, place)

    def _clear_caches(self) -> None:
        """A step reads whole caches, though only what was written counts: no NaN may lie in the rest."""
        caches = [t for name, t in self._tensors.items() if name.startswith(("key_", "value_", _NEW))]
        zeros = self._made("zeros", caches[0].shape, caches[0].dtype, "pinned")
        with self._device.writing(zeros) as array:
            array[...] = 0
        for cache in caches:
            self._device.copy(cache, zeros, stream=self._stream)

    def _scratch_memory(self) -> Tensor | None:
        known = {name: tensor.shape for name, tensor in self._tensors.items()}
        prefix = (self._most["pictures"], *map(int, self._inputs["prefix"].shape[1:]))
        first = {b.name: (prefix[0], *known.get(b.name, prefix)[1:]) for b in self._prefill.inputs}
        sizes = (
            self._prefill.scratch_bytes(first),
            self._step.scratch_bytes({b.name: known[b.name] for b in self._step.inputs}),
        )
        return self._made("scratch", (max(sizes),), np.dtype(np.uint8), "device") if max(sizes) else None

    def _made(self, name: str, shape: Shape, dtype: np.dtype[Any], place: Place) -> Tensor:
        make = self._device.allocate if place == "device" else self._device.allocate_pinned
        buffer = make(prod(shape) * dtype.itemsize, name=f"caption {name}")
        self._buffers.append(buffer)
        return Tensor(buffer, shape, dtype)
