"""What a run is to use, from its settings; and a model's files, fetched and exported on first use."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.config import Prompt, Settings
from trt_anime.errors import InputError

if TYPE_CHECKING:
    from trt_anime.runtime.effects import EffectPrompt
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.passes.choices import Choices
    from trt_anime.runtime.passes.networks import ModelFiles

# Setting -> method -> the networks that it takes where none is named.
_USUAL: dict[str, dict[str, tuple[str, ...]]] = {
    "stage1": {"mask2former": ("mask2former-tiny",), "sam": ("mobile-sam",), "matte": ("none",)},
    "stage2b": {"clipseg": ("clipseg",), "grounded-sam": ("grounding-dino-tiny", "mobile-sam")},
    "stage3": {"xmem": ("xmem",), "aot": ("deaot-t",), "sam": ("mobile-sam",), "flow": ("none",)},
}
# Method -> the kind of network that it runs, as the catalogue has it.
_KINDS = {
    "mask2former": ("segment",),
    "sam": ("mask",),
    "clipseg": ("effects",),
    "grounded-sam": ("detect", "mask"),
    "xmem": ("temporal",),
    "aot": ("temporal",),
}


def choices_of(settings: Settings) -> "Choices":
    """The preset's choices with the settings over them.

    Raises:
        InputError: no such network, or one of another kind than its stage runs.
    """
    from trt_anime.runtime.passes.choices import PRESETS

    preset = PRESETS[settings.preset]
    one, two, three = settings.stage1, settings.stage2b, settings.stage3
    segmentation = replace(
        preset.segmentation,
        **_given(confidence=one.confidence_threshold, key_every=one.key_every),
        **_method("stage1", one.method, one.model_type, preset.segmentation.method),
    )
    effects = replace(
        preset.effects,
        **_given(blend=two.blend, method=two.method),
        **_given(models=_USUAL["stage2b"][two.method] if two.method else None),
        prompts=tuple(_prompt(prompt) for prompt in two.effect_prompts or ()),
    )
    tracking = replace(
        preset.tracking,
        **_given(memory_frames=three.memory_frames),
        **_method("stage3", three.method, three.model_type, preset.tracking.method),
    )
    four = settings.stage4
    chosen = replace(
        preset,
        segmentation=segmentation,
        effects=effects,
        tracking=tracking,
        characters=replace(
            preset.characters,
            **_given(model=settings.stage2a.model_type, layout=settings.stage2a.characters),
        ),
        plates=replace(
            preset.plates, **_given(model=settings.stage2c.model_type, layout=settings.stage2c.plate)
        ),
        annotation=replace(
            preset.annotation,
            **_given(tags=four.tags, captions=four.captions, embeddings=four.embeddings),
            vocabulary=Path(four.vocabulary) if four.vocabulary else None,
            tagger=Path(four.tagger) if four.tagger else None,
        ),
    )
    _check_kinds(chosen)
    return chosen


def fetch_weights(model: str) -> None:
    """A model's weights, fetched where they aren't here. Raises DownloadError, OutputError."""
    from trt_anime.cli.models import console_report
    from trt_anime.export import catalogue, checkpoints

    row = catalogue.get(model)
    if checkpoints.find(row) is None:
        checkpoints.pull(row, report=console_report())


def files_of(model: str) -> "ModelFiles":
    """A model's stage graphs and what came with its weights.

    Raises DownloadError, CheckpointError, ExportError, OutputError: see `export.graphs.ensure`.
    """
    from trt_anime.cli.models import console_report
    from trt_anime.export import catalogue, checkpoints, graphs
    from trt_anime.export.recipes.caption import Captioning
    from trt_anime.runtime.passes.networks import ModelFiles

    found = graphs.ensure(model, report=console_report())
    row = catalogue.get(model)
    weights = checkpoints.find(row)
    companions = {file.filename for published in row.files for file in published.companions}
    beside = {name: weights.with_name(name) for name in companions} if weights else {}
    here = {name: path for name, path in beside.items() if path.is_file()}
    if isinstance(row.recipe, Captioning):
        language = row.recipe.decoder
        tokens = {"start": (language.start,), "stop": language.stop}
        return ModelFiles(found, here, tokens, language.positions)
    return ModelFiles(found, here, context=getattr(row.recipe, "context", 0))


def options_of(settings: Settings, **run: Any) -> "ProcessOptions":
    """The options of a run, of which `run` has what no settings file can say."""
    from trt_anime.runtime.options import ProcessOptions

    return ProcessOptions(
        device=settings.device,
        provider=settings.provider,
        precision=settings.precision,
        format=settings.format,
        preset=settings.preset,
        held=settings.held_frames,
        batch_size=settings.batch_size,
        threads=settings.threads,
        **run,
    )


def matte_graph_of(model: str) -> Path:
    """Stage 2a's graph. Raises as `files_of`."""
    return files_of(model).graphs["matte"]


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _method(section: str, method: str | None, model: str | None, preset: str) -> dict[str, Any]:
    if method is None and model is None:
        return {}
    usual = _USUAL[section][method or preset][0]
    return {"method": method or preset, "model": model or usual}


def _prompt(given: "str | Prompt") -> "EffectPrompt":
    from trt_anime.runtime.effects import EffectPrompt

    if isinstance(given, str):
        return EffectPrompt(text=given)
    return EffectPrompt(text=given.text, threshold=given.threshold, negative=given.negative)


def _check_kinds(choices: "Choices") -> None:
    from trt_anime.runtime.passes.choices import NONE

    wanted = [
        ("stage1.model_type", choices.segmentation.model, _KINDS.get(choices.segmentation.method, ())),
        ("stage2a.model_type", choices.characters.model, ("matte",)),
        ("stage2c.model_type", choices.plates.model, ("inpaint",)),
        ("stage3.model_type", choices.tracking.model, _KINDS.get(choices.tracking.method, ())),
        ("stage4.tags", choices.annotation.tags, ("embed",)),
        ("stage4.captions", choices.annotation.captions, ("caption",)),
        ("stage4.embeddings", choices.annotation.embeddings, ("embed",)),
    ]
    for setting, model, kinds in wanted:
        if model != NONE:
            _check_kind(setting, model, kinds)


def _check_kind(setting: str, model: str, kinds: tuple[str, ...]) -> None:
    from trt_anime.export import catalogue

    row = catalogue.get(model)
    if row.stage not in kinds:
        fitting = [other.name for other in catalogue.CATALOGUE.values() if other.stage in kinds]
        raise InputError(
            f"{setting}: {model} is a network for `{row.stage}`; choose {', '.join(fitting) or 'none'}"
        )
