"""The library's network with each layer's weights in memory while it runs only."""

from typing import Any

import torch
from torch import Tensor, nn

from trt_anime.export.caption.weights import Checkpoint

# Names that files leave out, and the tensor that they stand for.
TIED = {
    "language_model.lm_head.weight": "language_model.model.decoder.embed_tokens.weight",
    "text_decoder.cls.predictions.decoder.weight": "text_decoder.bert.embeddings.word_embeddings.weight",
    "text_decoder.cls.predictions.decoder.bias": "text_decoder.cls.predictions.bias",
}


def stream_weights(network: nn.Module, checkpoint: Checkpoint) -> None:
    """Make a network of shapes (`reference.bare_network`) compute, float32.

    Tables of embeddings and what the network itself holds stay in memory; all else is read anew each time
    that it is needed.
    """
    _count_positions(network)
    for name, module in network.named_modules():
        names = {key: f"{name}.{key}" if name else key for key, _ in module.named_parameters(recurse=False)}
        if not names:
            continue
        if module is network or isinstance(module, nn.Embedding):
            _load(module, names, checkpoint)
        else:
            _load_when_run(module, names, checkpoint)


def _load_when_run(module: nn.Module, names: dict[str, str], checkpoint: Checkpoint) -> None:
    shapes = dict(module.named_parameters(recurse=False))

    def before(module: nn.Module, inputs: Any) -> None:
        _load(module, names, checkpoint)

    def after(module: nn.Module, inputs: Any, output: Any) -> None:
        module._parameters.update(shapes)

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)


def _load(module: nn.Module, names: dict[str, str], checkpoint: Checkpoint) -> None:
    for key, name in names.items():
        found = name if name in checkpoint.names else TIED.get(name, name)
        values = torch.from_numpy(checkpoint.read(found)).float()
        module._parameters[key] = nn.Parameter(values, requires_grad=False)


def _count_positions(network: nn.Module) -> None:
    """Buffers aren't in checkpoints: all that these networks have are 0, 1, 2..."""
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name == "position_ids" and isinstance(buffer, Tensor):
                module._buffers[name] = torch.arange(buffer.shape[-1])[None]
