"""Where the product's modules lie."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The four folders at the root; each imports as `trt_anime.<name>`.
FOLDERS = ("calibration", "engines", "export", "runtime")


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imports(self) -> set[str]:
        """Dotted names, each import in any scope; `from a import b` counts as `a.b`."""
        found = set()
        for node in ast.walk(ast.parse(self.path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                start = "." * node.level + (node.module or "")
                found |= {f"{start}.{alias.name}" for alias in node.names}
        return found


def modules() -> Iterator[Module]:
    """Every module of the package, reached without the symlinks."""
    for folder in ("trt_anime", *FOLDERS):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not _through_link(path):
                yield Module(_name(path.relative_to(ROOT)), path)


def _through_link(path: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(ROOT))


def _name(path: Path) -> str:
    parts = list(path.with_suffix("").parts)
    if parts[0] != "trt_anime":
        parts.insert(0, "trt_anime")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
