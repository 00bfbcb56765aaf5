"""Settings from JSON: as users know them, options over them, mistakes named."""

import json
from pathlib import Path
from typing import Any

import pytest

from trt_anime.config import Prompt, load_settings
from trt_anime.errors import InputError


def config(folder: Path, values: Any) -> Path:
    path = folder / "config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    "values",
    [
        {"device": "cpu", "batch_size": 4, "stage2a": {"model_type": "isnet-anime"}},
        {"device": "cpu", "batch_size": 4, "stage2a.model_type": "isnet-anime"},
    ],
)
def test_nested_and_dotted(tmp_path: Path, values: dict[str, Any]) -> None:
    settings = load_settings(config(tmp_path, values))
    assert (settings.device, settings.batch_size) == ("cpu", 4)
    assert settings.stage2a.model_type == "isnet-anime"
    assert settings.format == "png"


def test_options_win(tmp_path: Path) -> None:
    path = config(tmp_path, {"batch_size": 4, "threads": 3, "stage2a": {"model_type": "u2net"}})
    settings = load_settings(path, batch_size=2, stage2a__model_type="isnet", device=None)
    assert (settings.batch_size, settings.threads) == (2, 3)
    assert settings.stage2a.model_type == "isnet"


def test_every_stage_can_be_told(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        {
            "stage1.confidence_threshold": 0.6,
            "stage2b": {"effect_prompts": ["fire", {"text": "lamp", "negative": True}]},
            "stage3": {"method": "xmem", "memory_frames": 3},
        },
    )
    settings = load_settings(path)
    assert settings.stage1.confidence_threshold == 0.6
    assert settings.stage2b.effect_prompts == ["fire", Prompt(text="lamp", negative=True)]
    assert (settings.stage3.method, settings.stage3.memory_frames) == ("xmem", 3)
    assert settings.stage2c.plate is None, "as the preset has it"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"batchsize": 4}, "batchsize: no such setting; did you mean batch_size?"),
        ({"stage2a": {"model": "x"}}, "stage2a.model: no such setting; did you mean stage2a.model_type?"),
        ({"stage2": {"model_type": "x"}}, "stage2: no such setting; did you mean stage2a?"),
        ({"stage3.metod": "xmem"}, "stage3.metod: no such setting; did you mean stage3.method?"),
        ({"stage1.confidence_threshold": 2.0}, "input should be less than or equal to 1, not 2.0"),
        ({"batch_size": "four"}, "batch_size: input should be a valid integer, not 'four'"),
        ({"batch_size": True}, "batch_size: input should be a valid integer, not True"),
        ({"stage2a": 3}, "stage2a: input should be a valid dictionary or instance of Stage2a, not 3"),
        ({"stage2a": 3, "stage2a.model_type": "x"}, "stage2a is a section and takes an object"),
        ("[1]", "should hold one JSON object"),
        ("{'a': 1}", "is not JSON"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, values: Any, sentence: str) -> None:
    path = config(tmp_path, values)
    with pytest.raises(InputError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
