"""The comparison with PyTorch is worth something: around the networks, it finds each planted mistake."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.mask.pieces import example, small_row
from tests.matte.pieces import session_of
from tests.planting import plant
from trt_anime.export.mask import finish, prepare
from trt_anime.export.mask.networks import MaskNetworks, PromptTables
from trt_anime.export.mask.reference import MaskReference
from trt_anime.export.recipes.mask import Masking

RULES = {"corner": "mobile-sam", "stretch": "sam2-tiny"}
SIZES = ((75, 127), (243, 180), (530, 270))

# name -> (rule, function, what it says, what it says by mistake)
MISTAKES: dict[str, tuple[str, Callable[..., object], str, str]] = {
    "not averaged": ("corner", prepare.image_graph_before, "integers(2, 2)", "integers(1, 1)"),
    "averaged where it is enlarged": (
        "corner",
        prepare.image_graph_before,
        "op.greater(size",
        "op.less(size",
    ),
    "mean left out": ("stretch", prepare.image_graph_before, "_per_channel(rule.mean)", "scalar(0)"),
    "tiles stretch the frame": (
        "corner",
        prepare.image_graph_before,
        "inner), size)",
        "inner), op.shape(picture, start=1, end=3))",
    ),
    "rounded down": (
        "corner",
        prepare._rounded,
        "op.mul(dividend, two), divisor",
        "op.mul(dividend, two), two",
    ),
    "not stretched": ("stretch", prepare.inner_size, 'rule.fit == "stretch"', "False"),
    "corner of a pixel": ("corner", prepare._places, "scalar(0.5)", "scalar(0)"),
    "half the turns": ("stretch", prepare._places, "2 * math.pi", "math.pi"),
    "cosine first": (
        "corner",
        prepare._places,
        "[op.sin(angle), op.cos(angle)]",
        "[op.cos(angle), op.sin(angle)]",
    ),
    "y is x": ("corner", prepare._places, "(first, first + 1)", "(first + 1, first)"),
    "corners swapped": (
        "corner",
        prepare.mask_graph_before,
        "((0, tables.upper), (2, tables.lower))",
        "((2, tables.upper), (0, tables.lower))",
    ),
    "no last token": ("stretch", prepare.mask_graph_before, "op.const(tables.stop)", "scalar(0)"),
    "padding is in the mask": (
        "corner",
        finish.mask_graph_after,
        "integers(0, 0), inner",
        "integers(0, 0), op.concat([side, side], axis=0)",
    ),
    "cut where nothing is padded": ("stretch", finish.mask_graph_after, 'rule.fit == "corner"', "True"),
    "decimals cut off": (
        "corner",
        finish.mask_graph_after,
        "op.round(levels)",
        "op.sub(levels, scalar(1))",
    ),
}


class Through(nn.Module):
    """An encoder that gives the image, a decoder that gives the map."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return inputs if len(inputs) == 1 else (inputs[0], inputs[1][..., 0, 0])


@cache
def networks(model: str) -> MaskNetworks:
    rng = np.random.default_rng(0)
    rows = [rng.normal(0, 0.5, 8).astype(np.float32) for _ in range(3)]
    tables = PromptTables(
        frequencies=rng.normal(0, 1, (2, 4)).astype(np.float32),
        upper=rows[0],
        lower=rows[1],
        stop=rows[2] if model == "sam2-tiny" else None,
    )
    side = small_row(model).recipe_as(Masking).side
    return MaskNetworks(model, Through(), Through(), tables, side, {"embedding": (3, side, side)})


def worst(rule: str) -> float:
    """How far the parts around the networks are from the reference, of 255, at the worst size."""
    model = RULES[rule]
    recipe, parts = small_row(model).recipe_as(Masking), networks(model)
    reference = MaskReference(parts, recipe)
    before = session_of(prepare.image_graph_before(recipe))
    asking = session_of(prepare.mask_graph_before(recipe, parts.tables))
    after = session_of(finish.mask_graph_after(recipe))
    logits = np.random.default_rng(1).normal(0, 2, (2, 3, 32, 32)).astype(np.float32)
    gaps = []
    for height, width in SIZES:
        frames, boxes = example(height, width)
        (expected,) = reference.image(torch.from_numpy(frames))
        (image,) = before.run(["image"], {"frame": frames})
        gaps.append(50 * np.abs(np.asarray(image) - expected.numpy()).max())
        size = np.array([height, width], np.int64)
        found = asking.run(["prompts", "frame_size", "inner"], {"boxes": boxes, "size": size})
        tokens = reference.prompts(torch.from_numpy(boxes), (height, width))
        gaps.append(255 * np.abs(np.asarray(found[0]) - tokens.numpy()).max())
        mask, quality = reference.mask(
            (torch.from_numpy(logits),), torch.from_numpy(boxes), (height, width)
        )
        feeds = {
            "logits": logits,
            "found_quality": quality.numpy(),
            "frame_size": found[1],
            "inner": found[2],
        }
        (drawn,) = after.run(["mask"], feeds)
        gaps.append(np.abs(np.asarray(drawn, int) - mask.numpy()).max())
    return float(max(gaps))


def passed(rule: str) -> bool:
    try:
        return worst(rule) <= 1.01
    except ValueError:  # shapes that don't fit are a mistake found, too
        return False


@pytest.mark.parametrize("rule", RULES)
def test_without_a_mistake(rule: str) -> None:
    assert worst(rule) <= 1.01


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, function, right, wrong = MISTAKES[name]
    plant(monkeypatch, function, right, wrong, (finish, prepare))
    assert not passed(rule)
