"""Where trt-anime keeps what it downloads and builds."""

import os
from pathlib import Path


def home() -> Path:
    """`$TRT_ANIME_HOME`, else the platform's folder for application data."""
    chosen = os.environ.get("TRT_ANIME_HOME")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("trt-anime")


def models() -> Path:
    """Checkpoints, one folder per catalogue entry."""
    return home() / "models"


def graphs() -> Path:
    """Stage graphs."""
    return home() / "graphs"


def engines() -> Path:
    """Engines and their manifests."""
    return home() / "engines"


def prompts() -> Path:
    """Vectors of prompts, computed once."""
    return home() / "prompts"


def typed() -> Path:
    """Typed graphs: stage graphs in less than FP32."""
    return home() / "typed"
