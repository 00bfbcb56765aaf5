"""A network that is asked with boxes, in the three parts that the stage graphs are made of."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from trt_anime.errors import ExportError
from trt_anime.export.parts import OPSET
from trt_anime.export.tracing import BATCH, model_of, quiet_exporter

# Most boxes of a frame.
PROMPTS = torch.export.Dim("prompts", min=1, max=256)


@dataclass(frozen=True)
class PromptTables:
    """What turns a box into the decoder's tokens: numbers of the checkpoint, small ones.

    Attributes:
        frequencies: float32 [2,C/2], of a place's x and y.
        upper, lower: float32 [C], of a box's two corners.
        stop: float32 [C], which follows the corners; None for networks that know no such token.
    """

    frequencies: NDArray[np.float32]
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    stop: NDArray[np.float32] | None


@dataclass(frozen=True)
class MaskNetworks:
    """The parts.

    Attributes:
        name: of the model, for errors.
        encoder: image float32 [B,3,side,side] -> a tuple of float32 maps [B,*shape], see `maps`.
        decoder: those maps, then prompts float32 [B,N,P,C] -> logits float32 [B,N,s,s], of the mask that
            clear prompts mean, and quality float32 [B,N].
        tables: of the prompts.
        side: height and width of the image.
        maps: shapes of the encoder's maps by name, batch left out; the first is ``embedding``.
    """

    name: str
    encoder: nn.Module
    decoder: nn.Module
    tables: PromptTables
    side: int
    maps: dict[str, tuple[int, int, int]]


def without_weights(networks: MaskNetworks) -> MaskNetworks:
    """All that is said of networks, once they were exported: what they are made of can be given back."""
    tables = copy.deepcopy(networks.tables)  # they may lie in the file of the weights, which is mapped
    return replace(networks, encoder=nn.Identity(), decoder=nn.Identity(), tables=tables)


def onnx_of_encoder(networks: MaskNetworks) -> onnx.ModelProto:
    """Input ``image``; outputs ``found_...`` for each map; opset 20, batch free. Raises ExportError."""
    image = torch.empty(2, 3, networks.side, networks.side)  # memory that nobody looks at isn't taken
    return _exported(
        networks, networks.encoder, {"image": image}, [f"found_{name}" for name in networks.maps]
    )


def onnx_of_decoder(networks: MaskNetworks) -> onnx.ModelProto:
    """Inputs: the maps and ``prompts``; outputs ``logits`` and ``quality``; batch and prompts free."""
    tables = networks.tables
    length = 2 if tables.stop is None else 3
    inputs = {name: torch.empty(2, *shape) for name, shape in networks.maps.items()}
    inputs["prompts"] = torch.empty(2, 3, length, len(tables.upper))
    return _exported(networks, networks.decoder, inputs, ["logits", "quality"])


def _exported(
    networks: MaskNetworks, module: nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str]
) -> onnx.ModelProto:
    free = [{0: BATCH, 1: PROMPTS} if name == "prompts" else {0: BATCH} for name in inputs]
    try:
        with quiet_exporter():
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=outputs,
                dynamic_shapes=(tuple(free),) if _takes_any_number(module) else tuple(free),
                verbose=False,
            )
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"{networks.name}: torch.onnx.export gave up ({reason}); report it with --debug"
        ) from error
    assert program is not None
    return model_of(program)


def _takes_any_number(module: nn.Module) -> bool:
    import inspect

    kinds = {parameter.kind for parameter in inspect.signature(module.forward).parameters.values()}
    return inspect.Parameter.VAR_POSITIONAL in kinds
