"""The chain as plain PyTorch, one thing after another: OpenCV reads, each stage runs, OpenCV writes.

The stages are the references that our graphs are checked against, on the same weights, with PyTorch's own
fused attention where the library offers it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.chain.stages import (
    LEAD,
    PROMPTS,
    UNDECIDED,
    Arrays,
    ChainStage,
    Given,
    pictures,
    values_of,
)
from benchmarks.chain.torch_matte import matte_network
from benchmarks.chain.torch_xmem import TorchPropagator
from benchmarks.model_weights import bring_weights
from trt_anime.errors import InputError
from trt_anime.export import catalogue
from trt_anime.export.caption import reference as captioning
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.catalogue import Model
from trt_anime.export.effects.published import CLIPSEG, clipseg_from_checkpoint
from trt_anime.export.effects.reference import heat_of, prompts_of
from trt_anime.export.embed.check import example_ids
from trt_anime.export.embed.published import DINO, dino_from_checkpoint
from trt_anime.export.embed.reference import picture_vectors, prepared
from trt_anime.export.inpaint import pytorch as inpaint_pytorch
from trt_anime.export.inpaint.reference import InpaintReference
from trt_anime.export.mask.published import networks_from_checkpoint
from trt_anime.export.mask.reference import MaskReference
from trt_anime.export.matte.reference import MatteReference
from trt_anime.export.networks.library import no_random_weights
from trt_anime.export.recipes.caption import Captioning
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.recipes.embed import Embedding
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.recipes.mask import Masking
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.checkpoint import load_weights
from trt_anime.export.segment.network import network_for
from trt_anime.export.segment.reference import SegmentReference
from trt_anime.export.segment.variants import config_for
from trt_anime.runtime.captions.options import SearchOptions
from trt_anime.runtime.characters.propagators.resized import ResizedPropagator

# A stage's inputs to its compared output.
TorchStage = Callable[[Given], NDArray[Any]]
_Made = Callable[[Given], Tensor]


class TorchChain:
    """The stages with their weights, on one device.

    Args:
        device: ``cpu`` or ``cuda``.
        threads: of PyTorch, where it runs on the CPU.
    """

    def __init__(self, rows: Sequence[ChainStage], *, device: str, threads: int) -> None:
        """Raises CheckpointError: weights can't be read. InputError: PyTorch has no such device."""
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("--device cuda: PyTorch finds no GPU here; use --device cpu")
        torch.set_num_threads(threads)
        # Our graphs run in FP32, so the baseline does.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        self.device = torch.device(device)
        self.prompts = np.zeros((PROMPTS, 0), np.float32)
        self._stages = {row.model: self._stage(row) for row in rows}

    def run(self, row: ChainStage, inputs: Given) -> Arrays:
        """One stage: arrays in, the output that is compared out."""
        with torch.inference_mode(), self._constants():
            found = self._stages[row.model](inputs).cpu().numpy()
        return {row.output: found}

    def _stage(self, row: ChainStage) -> _Made:
        model = catalogue.get(row.model)
        file = bring_weights(model)
        makers = {
            "matte": self._matte,
            "mask": self._mask,
            "segment": self._segment,
            "effects": self._effects,
            "inpaint": self._inpaint,
            "temporal": self._follow,
            "embed": self._embed,
            "caption": self._describe,
        }
        return makers[model.stage](model, file)

    def _matte(self, model: Model, file: Path) -> _Made:
        network = matte_network(model, file).to(self.device)
        reference = MatteReference(network, model.recipe_as(Preprocess))
        return lambda given: reference(self._to(given["frame"]))

    def _mask(self, model: Model, file: Path) -> _Made:
        networks = networks_from_checkpoint(model, file)
        networks.encoder.to(self.device).eval()
        reference = MaskReference(networks, model.recipe_as(Masking))
        return lambda given: reference.image(self._to(given["frame"]))[0]

    def _segment(self, model: Model, file: Path) -> _Made:
        rule = model.recipe_as(Segmentation)
        with no_random_weights():
            network = network_for(config_for(rule))
        load_weights(network, file)
        network.to(self.device)
        scores: list[Tensor] = []

        def noted(image: Tensor) -> tuple[Tensor, Tensor]:
            classes, masks = network(image)
            scores[:] = [classes.softmax(-1).amax(-1)]
            return classes, masks

        reference = SegmentReference(noted, rule)

        def run(given: Given) -> Tensor:
            reference(self._to(given["frame"]), float(given["threshold"][0]))
            return scores[0]

        return run

    def _effects(self, model: Model, file: Path) -> _Made:
        library: Any = clipseg_from_checkpoint(CLIPSEG[model.architecture], file)
        recipe = model.recipe_as(Effects)
        ids = example_ids(recipe.context, library.config.text_config.eos_token_id)[:PROMPTS]
        self.prompts = prompts_of(library, torch.from_numpy(ids)).numpy()
        _fused(library).clip.text_model = None  # 250 MB that no frame needs
        library.to(self.device)

        def run(given: Given) -> Tensor:
            heat = heat_of(library, self._to(given["frame"]), self._to(given["prompts"]), recipe.picture)
            return heat.round().to(torch.uint8)

        return run

    def _inpaint(self, model: Model, file: Path) -> _Made:
        network = inpaint_pytorch.network_from_checkpoint(model, file).to(self.device)
        reference = InpaintReference(network, model.recipe_as(Inpainting))
        return lambda given: reference(self._to(given["frame"]), self._to(given["hole"]))

    def _follow(self, model: Model, file: Path) -> _Made:
        inner = TorchPropagator.from_checkpoint(model, file, self.device)
        propagator = ResizedPropagator(inner, inner.size)

        def run(given: Given) -> Tensor:
            frame = given["frame"][0]
            if "ids" in given:
                propagator.start(frame, given["ids"][0])
                return torch.from_numpy(given["ids"])
            return torch.from_numpy(propagator.step(frame, None).ids[None])

        return run

    def _embed(self, model: Model, file: Path) -> _Made:
        library: Any = _fused(dino_from_checkpoint(DINO[model.architecture], file)).to(self.device)
        picture = model.recipe_as(Embedding).picture
        return lambda given: picture_vectors(library, prepared(self._to(given["frame"]), picture))

    def _describe(self, model: Model, file: Path) -> _Made:
        recipe = model.recipe_as(Captioning)
        library: Any = captioning.network_from_checkpoint(recipe, Checkpoint(file, model.name)).to(
            self.device
        )
        text = recipe.decoder
        start = torch.tensor([[text.start]], device=self.device)

        def run(given: Given) -> Tensor:
            seen = library.vision_model(
                captioning.pictures(self._to(given["frame"]), recipe.vision.side)
            ).last_hidden_state
            found = library.text_decoder.generate(
                start,
                eos_token_id=list(text.stop),
                pad_token_id=text.pad,
                encoder_hidden_states=seen,
                encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long),
                max_new_tokens=SearchOptions(stop=text.stop).most,
                do_sample=False,
                return_dict_in_generate=True,
                output_logits=True,
            )
            tokens = decided(found.sequences[0, 1:], torch.stack(found.logits)[:, 0])
            return tokens[~torch.isin(tokens, torch.tensor(text.stop))].int()

        return run

    def _constants(self) -> AbstractContextManager[object]:
        """Within it the references' constants are made on the device; on the CPU they are anyway."""
        return nullcontext() if self.device.type == "cpu" else self.device

    def _to(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def decided(tokens: Tensor, logits: Tensor) -> Tensor:
    """The tokens that the network decides on, and `UNDECIDED` in place of the first that rounding does.

    What follows that one follows from it. Random weights, which repeat themselves, get there soon.

    Args:
        tokens: int64 [N], the largest logits'.
        logits: float32 [N,V], that they were chosen by.
    """
    best = logits.topk(2).values
    is_close = best[:, 0] - best[:, 1] < LEAD * logits.std(1)
    if not is_close.any():
        return tokens
    first = int(is_close.int().argmax())
    return torch.cat([tokens[:first], tokens.new_full((1,), UNDECIDED)])


def sequential(chain: TorchChain, rows: Sequence[ChainStage], clip: Path, output: Path) -> int:
    """Every frame of the clip through all stages, written before the next is read; how many there were."""
    count = 0
    for count, frame in enumerate(decoded(clip), 1):
        values = values_of(frame, count - 1, chain.prompts)
        for row in rows:
            if row.runs_for(values):
                values |= chain.run(row, row.inputs(values))
        for folder, picture in pictures(values).items():
            path = output / folder / f"frame_{count - 1:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            is_map = picture.ndim == 2
            cv2.imwrite(str(path), picture if is_map else cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
    return count


def decoded(clip: Path) -> Iterator[NDArray[np.uint8]]:
    """Frames as OpenCV reads them, uint8 [H,W,3] RGB. Raises InputError."""
    with _opened(clip) as capture:
        while True:
            there, picture = capture.read()
            if not there:
                return
            yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


@contextmanager
def _opened(clip: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(clip))
    try:
        if not capture.isOpened():
            raise InputError(f"{clip}: OpenCV can't open it; give it a video")
        yield capture
    finally:
        capture.release()


def _fused(library: Any) -> Any:
    """Exports need plain attention; who only runs it takes PyTorch's."""
    library.set_attn_implementation("sdpa")
    return library
