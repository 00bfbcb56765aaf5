"""Every figure in README and docs, made anew of the records.

    python -m benchmarks.readme

Pages of their own are made as a whole. In other texts a figure stands between `<!-- measured: NAME -->` and
`<!-- /measured -->`, and `benchmarks.figures` says what it is. Nothing is measured here.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.code_path import ROOT
from benchmarks.figures import FIGURES, Read
from benchmarks.records import Content
from benchmarks.subjects import SUBJECTS
from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.files import write_text

BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->)(.*?)(<!-- /measured -->)", re.DOTALL)


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        for subject in SUBJECTS.values():
            if subject.page:
                write_text(ROOT / subject.page, subject.text(subject.read()))
        problems = refresh()
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    for words in problems:
        print(f"error: {words}")
    return 1 if problems else 0


def refresh(root: Path = ROOT) -> list[str]:
    """Write what is quoted of records; texts in which nothing changes are left alone.

    A figure that can't be made is left as it is: a sentence for each. Raises OutputError.
    """
    read, problems = reader(root), []
    for path in texts(root):
        text = path.read_text(encoding="utf-8")
        now, found = quoted(text, read)
        problems += found
        if now != text:
            write_text(path, now)
    return problems


def edited(root: Path = ROOT) -> Iterator[str]:
    """A sentence for each figure in a text that isn't what the records make it, or can't be made."""
    read = reader(root)
    for path in texts(root):
        for block in BLOCK.finditer(path.read_text(encoding="utf-8")):
            now, problems = quoted(block[0], read)
            yield from problems
            if now != block[0]:
                yield (
                    f"{path.relative_to(root)}: '{block[2]}' is not what the records say;"
                    " don't edit it, run `python -m benchmarks.readme`"
                )


def quoted(text: str, read: Read) -> tuple[str, list[str]]:
    """`text` with every figure as the records have it, and a sentence for each that can't be made."""
    problems: list[str] = []

    def made(block: re.Match[str]) -> str:
        try:
            return _block(block, read)
        except InputError as error:
            problems.append(str(error))
            return block[0]

    return BLOCK.sub(made, text), problems


def texts(root: Path) -> list[Path]:
    """Where figures may be quoted."""
    pages = {subject.page for subject in SUBJECTS.values()}
    found = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [path for path in found if path.relative_to(root).as_posix() not in pages]


def reader(root: Path) -> Read:
    """Reads each record once."""

    @cache
    def read(name: str) -> Content:
        return SUBJECTS[name].read(root)

    return read


def _block(block: re.Match[str], read: Read) -> str:
    if block[2] not in FIGURES:
        raise InputError(f"'measured: {block[2]}' is no figure; it is one of {', '.join(sorted(FIGURES))}")
    try:
        text = FIGURES[block[2]](read)
    except (LookupError, TypeError, ValueError, StopIteration) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"'{block[2]}' can't be made of its record ({error!r}); measure it again"
        ) from error
    between = f"\n{text}\n" if "\n" in text else text
    return f"{block[1]}{between}{block[4]}"


if __name__ == "__main__":
    raise SystemExit(main())
