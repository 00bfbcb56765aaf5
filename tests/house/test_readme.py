"""The README's commands are accepted as they stand."""

import itertools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from typer.main import get_command

from tests.house.layout import ROOT
from trt_anime.cli import app

_FENCE = re.compile(r"^```(?:sh|bash|shell|console)\s*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_ENDS = {"&&", "||", "|", ";", "&", ">", ">>", "<", "2>"}


def commands(program: str) -> list[tuple[str, ...]]:
    """The words after `program`, for each of its calls in the README's shell blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [words[1:] for line in _lines(text) for words in _calls(line) if words[0] == program]
    return list(dict.fromkeys(found))


def _lines(text: str) -> Iterator[str]:
    for block in _FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.strip().removeprefix("$ ")


def _calls(line: str) -> Iterator[tuple[str, ...]]:
    """Each program call of a line, paths before the program's name and variables before it left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for is_end, group in itertools.groupby(lexer, _ENDS.__contains__):
        words = list(itertools.dropwhile(re.compile(r"[A-Za-z_]\w*=").match, group))
        if words and not is_end:
            yield (words[0].rpartition("/")[2], *words[1:])


def _shown(words: tuple[str, ...]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("words", commands("trt-anime"), ids=_shown)
def test_trt_anime(words: tuple[str, ...]) -> None:
    """Parsed by the command line itself, up to where it would run."""
    rest, command = [word for word in words if word != "--debug"], get_command(app)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = getattr(command, "commands")[rest.pop(0)]  # noqa: B009
    command.make_context(_shown(words), rest)


@pytest.mark.parametrize("words", commands("make"), ids=_shown)
def test_make(words: tuple[str, ...]) -> None:
    if not shutil.which("make"):
        pytest.skip("needs make")
    done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_readme_shows_both() -> None:
    if not (ROOT / "README.md").read_text(encoding="utf-8").strip():
        pytest.skip("the README is empty")
    assert commands("trt-anime") and commands("make")


def test_a_block_is_read_as_a_shell_would() -> None:
    text = """
```sh
$ make demo   # the whole way
A=1 B='2 3' .venv/bin/trt-anime process "my clip.mp4" \\
    -o out && trt-anime --version
```
```python
make()
```
"""
    assert [call for line in _lines(text) for call in _calls(line)] == [
        ("make", "demo"),
        ("trt-anime", "process", "my clip.mp4", "-o", "out"),
        ("trt-anime", "--version"),
    ]
