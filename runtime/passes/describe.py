"""Which layers lie in the output folder, bottom to top."""

from collections import Counter

from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.finders import folder_of
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend, LayerFolder, Layers


def character_name(character: int) -> str:
    """Of the layer and of its folder below the stage's."""
    return f"character_{character:02d}"


def effect_name(prompt: str) -> str:
    """Of a prompt's layer."""
    return f"effect_{folder_of(prompt)}"


def layers_of(context: Context) -> Layers:
    """What is there now, of this run and of earlier ones."""
    people, effects = context.facts("characters"), context.facts("effects")
    orders = {shot: tuple(made["order"]) for shot, made in people.items()}
    blends: dict[int, dict[str, Blend]] = {shot: made["blends"] for shot, made in effects.items()}
    folders = [
        *_one(context, LayerFolder("background", "2c", places.PLATES)),
        *_one(context, LayerFolder("character", "2a", places.CHARACTERS)),
        *_characters(context),
        *_effects(context, blends),
    ]
    return Layers(tuple(folders), orders, blends)


def _one(context: Context, layer: LayerFolder) -> list[LayerFolder]:
    return [layer] if places.holds(context.folder / layer.folder, "frame_") else []


def _characters(context: Context) -> list[LayerFolder]:
    found = []
    for path in sorted((context.folder / places.CHARACTERS).glob("character_*")):
        number = path.name.removeprefix("character_")
        if number.isdecimal() and path.is_dir():
            folder = f"{places.CHARACTERS}/{path.name}"
            found += _one(context, LayerFolder(path.name, "2a", folder, character=int(number)))
    return found


def _effects(context: Context, blends: dict[int, dict[str, Blend]]) -> list[LayerFolder]:
    """By prompt; the blend of a layer as a whole is the one of most shots."""
    found = []
    for prompt in context.choices.effects.prompts:
        name = effect_name(prompt.text)
        folder = f"{places.EFFECTS}/{folder_of(prompt.text)}"
        used = Counter(names[name] for names in blends.values() if name in names)
        blend: Blend = used.most_common(1)[0][0] if used else "over"
        found += _one(context, LayerFolder(name, "2b", folder, blend, prompt=prompt.text))
    return found
