"""A page as a browser draws it: its text by id, once its scripts have run."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_VOID = frozenset(("meta", "link", "input", "br"))


class Texts(HTMLParser):
    """What it says.

    Attributes:
        of: text of every element that has an id, words apart by single spaces.
        hidden: those that aren't shown.
        labels: of drawings: text, its middle, its base line.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.of: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.labels: list[tuple[str, float, float]] = []
        self._at: tuple[float, float] | None = None
        self._open: list[str] = []
        self.feed(page)
        self.of = {name: " ".join(text.split()) for name, text in self.of.items()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("id") or ""
        if name:
            self.of[name] = ""
        if name and "hidden" in told:
            self.hidden.add(name)
        self._at = None
        if told.get("text-anchor") == "middle" and told.get("x") and told.get("y"):
            self._at = float(told["x"] or 0), float(told["y"] or 0)
        if tag not in _VOID:
            self._open.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._at is not None:
            self.labels.append((data, *self._at))
        for name in filter(None, self._open):
            self.of[name] += f" {data}"


def drawn(page: Path, folder: Path) -> Texts:
    """Of a page that fetches nothing; skips the test where no browser is here."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser is here to draw a page")
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    given = [*words, "--virtual-time-budget=3000", "--dump-dom", page.resolve().as_uri()]
    ran = subprocess.run(given, check=True, capture_output=True, timeout=120)
    return Texts(ran.stdout.decode("utf-8"))
