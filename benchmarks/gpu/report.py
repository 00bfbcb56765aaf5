"""The outcome of a GPU check as a page of Markdown."""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from benchmarks.gpu.measures import Table
from benchmarks.machine import cpu, now
from benchmarks.tables import markdown
from trt_anime import __version__

# Whichever of them are installed.
PACKAGES = (
    *("cuda-python", "cuda-bindings", "cuda-core", "cupy-cuda13x", "cupy-cuda12x", "numpy"),
    *("onnxruntime-gpu", "onnxruntime", "tensorrt-cu13", "tensorrt-rtx-cu13", "PyNvVideoCodec", "av"),
)


@dataclass(frozen=True)
class Gpu:
    """What was checked.

    Attributes:
        facts: for people, such as driver and memory.
    """

    name: str
    facts: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Such as ``nvidia-h200.md``."""
        return f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower()).strip('-')}.md"


@dataclass(frozen=True)
class Result:
    """One check; `words` say what was seen, or why nothing was."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    words: str


def page(gpu: Gpu, results: Sequence[Result], tables: Sequence[Table]) -> str:
    facts = [now(), *gpu.facts, cpu(), f"trt-anime {__version__}", versions()]
    rows = [[result.name, result.outcome, _cell(result.words)] for result in results]
    parts = [
        f"# GPU check on {gpu.name}",
        "\n".join(f"- {fact}" for fact in facts),
        markdown(["check", "outcome", "seen"], rows).replace("---:", "---"),
    ]
    for table in tables:
        parts += [f"## {table.title}", table.words, markdown(table.head, table.rows)]
    return "\n\n".join(parts) + "\n"


def versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([f"Python {platform.python_version()}", *found])


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
