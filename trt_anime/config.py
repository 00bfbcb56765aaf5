"""Settings of `process`: a JSON file as users know it, with the command line's options over it."""

import difflib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trt_anime.errors import InputError

# Known to users from the documented configuration, but their stages come in later releases.
_LATER = ("stage1", "stage2b", "stage2c", "stage3", "stage4")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stage2a(_Section):
    """The character layer."""

    model_type: str = "u2netp"


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
    stage2a: Stage2a = Stage2a()


def load_settings(path: Path | None, **options: Any) -> tuple[Settings, list[str]]:
    """Settings from a JSON file and the options given beside it, and notices for the user.

    Args:
        path: JSON object, nested or with dotted keys (``stage2a.model_type``); None for none.
        options: by dotted name with ``__`` for the dot; None means not given.

    Raises:
        InputError: the file can't be read, or a key or value is wrong.
    """
    values = {} if path is None else _nested(_read(path), path)
    notices = [f"{path}: {name} is not yet supported and is left out" for name in _later(values)]
    for name in _LATER:
        values.pop(name, None)
    given = {name.replace("__", "."): value for name, value in options.items() if value is not None}
    try:
        return Settings.model_validate(_merged(values, _nested(given, None))), notices
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


def _later(values: dict[str, Any]) -> list[str]:
    names = []
    for name in _LATER:
        if isinstance(values.get(name), dict):
            names += [f"{name}.{key}" for key in values[name]]
        elif name in values:
            names.append(name)
    return names


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
    return [*Settings.model_fields, *(f"stage2a.{name}" for name in Stage2a.model_fields), *_LATER]
