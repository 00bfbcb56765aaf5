"""What was found on a GPU as a page of Markdown: made of the findings alone."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from benchmarks.gpu.findings import Finding, Table
from benchmarks.gpu.parts import PARTS
from benchmarks.machine import cpu
from benchmarks.tables import markdown
from trt_anime import __version__

if TYPE_CHECKING:
    from benchmarks.gpu.identity import Gpu

# Whichever of them are installed.
PACKAGES = (
    *("cuda-python", "cuda-bindings", "cuda-core", "cupy-cuda13x", "cupy-cuda12x", "numpy"),
    *("onnxruntime-gpu", "onnxruntime", "tensorrt-cu13", "tensorrt-rtx-cu13", "PyNvVideoCodec", "av"),
    *("torch", "transformers", "nvidia-ml-py"),
)

NOT_RUN = "not run"


def page(gpu: "Gpu", findings: Mapping[str, Finding]) -> str:
    """All parts, those that never ran included.

    Args:
        findings: by part, all with the GPU's key of now.
    """
    facts = [*gpu.facts, cpu(), f"trt-anime {__version__}", versions()]
    overview = [[name, part.what, state(findings.get(name))] for name, part in PARTS.items()]
    parts = [
        f"# GPU check on {gpu.name}",
        "Written by `make gpu-check`. A step passed only where it ran on this machine and was right; what"
        " was skipped or not run says nothing.",
        "\n".join(f"- {fact}" for fact in facts),
        _words(["part", "what", "steps"], overview),
    ]
    for name in PARTS:
        if name in findings:
            parts += _part(findings[name])
    return "\n\n".join(parts) + "\n"


def state(finding: Finding | None) -> str:
    """In words, how far a part got."""
    if finding is None or not finding.planned:
        return NOT_RUN
    counts = Counter(found.outcome for found in finding.steps.values())
    words = [
        f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped") if counts[outcome]
    ]
    return ", ".join([*words, *([f"{len(finding.left)} left out"] if finding.left else [])])


def versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([f"Python {platform.python_version()}", *found])


def _part(finding: Finding) -> list[str]:
    rows = [
        [name, found.outcome, _cell(found.words), f"{found.seconds:g}", found.measured]
        for name, found in finding.steps.items()
    ]
    rows += [
        [name, NOT_RUN, "there was no time left; run `make gpu-check` again", "", ""]
        for name in finding.left
    ]
    parts = [f"## {finding.part}", _words(["step", "outcome", "seen", "s", "when"], rows)]
    for found in finding.steps.values():
        for table in found.tables:
            parts += [f"### {table.title}", table.words, _aligned(table)]
    return parts


def _words(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown(head, rows).replace("---:", "---")


def _aligned(table: Table) -> str:
    """Columns of numbers stand to the right."""
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    lines = markdown(table.head, rows).split("\n")
    columns = list(zip(*rows, strict=True)) or [()] * len(table.head)
    rule = [
        "---:" if column and all(not cell or cell.lstrip("*")[:1].isdigit() for cell in column) else "---"
        for column in columns
    ]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[2:]])


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
