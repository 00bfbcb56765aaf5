"""Compiled TensorRT/ONNX deployment engine for anime video: a clip in, aligned layers out."""

from trt_anime.errors import (
    CheckpointError,
    DownloadError,
    EngineError,
    ExportError,
    InputError,
    MissingError,
    OutputError,
    TrtAnimeError,
)

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "DownloadError",
    "EngineError",
    "ExportError",
    "InputError",
    "MissingError",
    "OutputError",
    "TrtAnimeError",
    "__version__",
]
