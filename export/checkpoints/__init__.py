"""Checkpoints: where they come from, whether they are the right ones, where they lie."""

from trt_anime.export.checkpoints.records import Record
from trt_anime.export.checkpoints.store import (
    SILENT,
    Report,
    door_of,
    find,
    import_file,
    names_here,
    pull,
    stored,
)

__all__ = ["SILENT", "Record", "Report", "door_of", "find", "import_file", "names_here", "pull", "stored"]
