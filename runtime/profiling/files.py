"""What a profile leaves: `profile.json`, `trace.json` and `report.html`."""

import json
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError
from trt_anime.files import write_text
from trt_anime.runtime.profiling.perfetto import trace
from trt_anime.runtime.profiling.profiled import SCHEMA, Profile
from trt_anime.runtime.profiling.report.page import page

PROFILE, TRACE, REPORT = "profile.json", "trace.json", "report.html"


def write_profile(folder: Path, profile: Profile) -> None:
    """All three, each whole or not at all. Raises OutputError."""
    write_text(folder / PROFILE, json.dumps(profile.facts, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / TRACE, json.dumps(trace(profile.recording), separators=(",", ":")))
    write_text(folder / REPORT, page(profile))


def read_profile(path: Path) -> dict[str, Any]:
    """A `profile.json`, or the one in a folder. Raises InputError: it isn't one that this release reads."""
    file = path / PROFILE if path.is_dir() else path
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: can't be read ({error.strerror}); run `trt-anime profile`") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is not JSON ({error}); run `trt-anime profile` again") from error
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise InputError(f"{file}: is no profile of this release; run `trt-anime profile` again")
    return facts
