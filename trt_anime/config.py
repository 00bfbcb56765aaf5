"""Settings of `process`: a JSON file as users know it, with the command line's options over it."""

import difflib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trt_anime.errors import InputError


class _Section(BaseModel):
    """What isn't given is as the preset has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stage1(_Section):
    """Segments on key frames; `key_every` counts fresh frames."""

    method: Literal["mask2former", "sam", "matte"] | None = None
    model_type: str | None = None
    confidence_threshold: float | None = Field(default=None, ge=0, le=1)
    key_every: int | None = Field(default=None, ge=1)


class Stage2a(_Section):
    """The character layers."""

    model_type: str | None = None
    characters: Literal["merged", "separate"] | None = None


class Prompt(_Section):
    """An effect to look for; with `negative`, what not to take for one."""

    text: str
    threshold: float = Field(default=0.4, ge=0, le=1)
    negative: bool = False


class Stage2b(_Section):
    """The effect layers."""

    method: Literal["clipseg", "grounded-sam"] | None = None
    effect_prompts: list[str | Prompt] | None = None
    blend: Literal["auto", "over", "add"] | None = None


class Stage2c(_Section):
    """The plates."""

    model_type: str | None = None
    plate: Literal["shot", "frame"] | None = None


class Stage3(_Section):
    """The same characters from frame to frame."""

    method: Literal["xmem", "aot", "sam", "flow"] | None = None
    model_type: str | None = None
    memory_frames: int | None = Field(default=None, ge=1)


class Stage4(_Section):
    """What is in the frames; `none` leaves one out.

    `vocabulary` is a file of the user's own tags, `tagger` a graph (ONNX) beside its `selected_tags.csv`.
    """

    tags: str | None = None
    captions: str | None = None
    embeddings: str | None = None
    tagger: str | None = None
    vocabulary: str | None = None


class Settings(_Section):
    """What `process` can be told by a file; `threads` 0 is every usable core.

    Attributes:
        held_frames: reuse the results of frames that repeat.
    """

    device: str = "auto"
    provider: Literal["auto", "onnxruntime", "openvino", "tensorrt"] = "auto"
    precision: Literal["fp16", "int8", "fp8", "fp32"] | None = None
    format: Literal["png", "png16", "ffv1", "prores", "webm", "exr"] = "png"
    preset: Literal["fast", "balanced", "quality"] = "balanced"
    held_frames: bool = True
    batch_size: int = Field(default=1, ge=1, le=1024)
    threads: int = Field(default=0, ge=0, le=1024)
    stage1: Stage1 = Stage1()
    stage2a: Stage2a = Stage2a()
    stage2b: Stage2b = Stage2b()
    stage2c: Stage2c = Stage2c()
    stage3: Stage3 = Stage3()
    stage4: Stage4 = Stage4()


def load_settings(path: Path | None, **options: Any) -> Settings:
    """Settings from a JSON file and the options given beside it.

    Args:
        path: JSON object, nested or with dotted keys (``stage2a.model_type``); None for none.
        options: by dotted name with ``__`` for the dot; None means not given.

    Raises:
        InputError: the file can't be read, or a key or value is wrong.
    """
    values = {} if path is None else _nested(_read(path), path)
    given = {name.replace("__", "."): value for name, value in options.items() if value is not None}
    try:
        return Settings.model_validate(_merged(values, _nested(given, None)))
    except ValidationError as error:
        raise InputError(_sentence(error, path, given)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: should hold one JSON object, {{...}}")
    return values


def _nested(values: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Dotted keys as sections."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise InputError(f"{path}: {section} is a section and takes an object, {{...}}")
        if isinstance(value, dict) and isinstance(place.get(name), dict):
            value = _merged(place[name], value)
        place[name] = value
    return nested


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _sentence(error: ValidationError, path: Path | None, given: dict[str, Any]) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    source = f"--{name.rpartition('.')[2].replace('_', '-')}" if name in given else f"{path}: {name}"
    if first["type"] == "extra_forbidden":
        close = max(_known(), key=lambda known: difflib.SequenceMatcher(None, name, known).ratio())
        return f"{source}: no such setting; did you mean {close}?"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{source}: {message}, not {first['input']!r}"


def _known() -> list[str]:
    names = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            names += [f"{name}.{inner}" for inner in section.model_fields]
        names.append(name)
    return names
