"""Networks of `transformers`: in which releases, and said when."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from trt_anime.errors import MissingError
from trt_anime.export import checkpoints, graphs
from trt_anime.export.networks import library

pytest.importorskip("torch")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A release of transformers that is installed, or seems so."""

    def install(release: str) -> ModuleType:
        module = ModuleType("transformers")
        monkeypatch.setitem(sys.modules, "transformers", module)
        monkeypatch.setattr(library, "version", lambda package: release)
        return module

    return install


@pytest.mark.parametrize("release", ["5.20", "5.20.0", "5.23.1", "5.99.dev0", "5.20rc1", "5.20.0+local"])
def test_releases_that_are_read(release: str, installed: Callable[[str], ModuleType]) -> None:
    module = installed(release)
    assert library.require_transformers() is module


@pytest.mark.parametrize(
    "release", ["4.57.1", "5.0", "5.19.9", "6.0", "6.0.dev0", "6.dev0", "6", "10.1", "7rc1", "unknown"]
)
def test_releases_that_are_not(release: str, installed: Callable[[str], ModuleType]) -> None:
    installed(release)
    with pytest.raises(MissingError) as raised:
        library.require_transformers()
    assert str(raised.value) == (
        f"transformers {release} is installed, and its networks are read in 5.20 or later, below 6.0:"
        " pip install 'trt-anime[export]'"
    )


def test_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingError, match=r"needs transformers: pip install 'trt-anime\[export\]'"):
        library.require_transformers()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("make", [graphs.export, graphs.ensure], ids=["export", "ensure"])
@pytest.mark.parametrize(
    "model", ["mask2former-tiny", "clipseg", "dinov2-s", "grounding-dino-tiny", "sam-vit-b"]
)
def test_said_before_anything_is_fetched(
    model: str,
    make: Callable[[str], Any],
    installed: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetched(*arguments: object, **options: object) -> None:
        raise AssertionError("weights were fetched for nothing")

    monkeypatch.setattr(checkpoints, "pull", fetched)
    installed("6.0.dev0")
    with pytest.raises(MissingError, match=r"^transformers 6\.0\.dev0 is installed"):
        make(model)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("model", ["u2netp", "mobile-sam", "xmem"])
def test_models_that_need_none_of_it(
    model: str, installed: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):  # noqa: N818 - it is where it should come to
        pass

    def fetched(*arguments: object, **options: object) -> None:
        raise Reached

    monkeypatch.setattr(checkpoints, "pull", fetched)
    installed("4.0")
    with pytest.raises(Reached):
        graphs.ensure(model)
