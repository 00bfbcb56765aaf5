"""The code that a figure describes, as digests of its functions, and how much of it is another by now.

A digest is of what a function does. Comments, docstrings, formatting, types, imports and the words of
errors change no figure and are left out; so is the file that a function stands in.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trt_anime.errors import InputError

ROOT = Path(__file__).parents[1]
_DIGITS = 6  # of a digest: one change in 16 million goes unseen
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def fingerprint(paths: Sequence[str], root: Path = ROOT) -> dict[str, str]:
    """For each Python file in `paths`, files and folders below `root`: digests of its functions in a row.

    Raises InputError: a path isn't there.
    """
    files = sorted({file for path in paths for file in _files(root / path)})
    found = {file.relative_to(root).as_posix(): "".join(sorted(digests_of(_read(file)))) for file in files}
    return {file: digests for file, digests in found.items() if digests}


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> float:
    """Share of the functions that are new, gone or others than `then`, in whatever file; 0..1."""
    before, after = _counted(then), _counted(now)
    most = max(before.total(), after.total())
    return 1 - (before & after).total() / most if most else 0.0


def digests_of(source: str) -> list[str]:
    """One for each function and method, one for the fields of each class, one for what stands outside."""
    tree = _Bare().visit(ast.parse(source))
    return [
        hashlib.sha256(f"{name} {' '.join(_words(node))}".encode()).hexdigest()[:_DIGITS]
        for name, node in _parts(tree, "")
    ]


class _Bare(ast.NodeTransformer):
    """Takes away what changes no figure."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A string by itself is a docstring."""
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Name("type")
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Only what is raised."""
        cause = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(cause, None)


def _parts(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Functions by themselves; whatever is left of a module or class around them, if anything is."""
    rest: list[ast.stmt] = []
    for child in getattr(node, "body", []):
        if isinstance(child, _Function):
            yield f"{name}.{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from _parts(child, f"{name}.{child.name}")
        else:
            rest.append(child)
    if rest or isinstance(node, ast.ClassDef):
        node.body = rest  # type: ignore[attr-defined]
        yield name, node


def _words(value: object) -> Iterator[str]:
    """Not `ast.dump`, which differs from one Python to the next."""
    if isinstance(value, ast.AST):
        yield type(value).__name__
        for name, field in ast.iter_fields(value):
            if field is not None and field != [] and name not in {"ctx", "kind", "type_comment"}:
                yield f"{name}="
                yield from _words(field)
        yield "."
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    else:
        yield repr(value)


def _counted(digests: Mapping[str, str]) -> Counter[str]:
    return Counter(
        row[start : start + _DIGITS] for row in digests.values() for start in range(0, len(row), _DIGITS)
    )


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: isn't there; mend what benchmarks/subjects.py says of it")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
