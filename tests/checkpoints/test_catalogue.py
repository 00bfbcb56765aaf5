"""The catalogue is data: every row has to make sense by itself."""

import string

import numpy as np
import pytest

from trt_anime.errors import InputError
from trt_anime.export.catalogue import CATALOGUE, Model, get
from trt_anime.export.checkpoints.sources import FETCHERS, parse
from trt_anime.export.recipes import Recipe
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.recipes.matte import Preprocess


@pytest.fixture(params=list(CATALOGUE.values()), ids=list(CATALOGUE))
def model(request: pytest.FixtureRequest) -> Model:
    row: Model = request.param
    return row


def test_row(model: Model) -> None:
    assert CATALOGUE[model.name] is model
    assert model.page.startswith("https://") and model.title and model.licence
    formats = [file.format for file in model.files]
    assert formats and len(set(formats)) == len(formats)
    assert model.graphs and len(set(model.graphs)) == len(model.graphs)


@pytest.mark.parametrize("recipe", [row.recipe for row in CATALOGUE.values()], ids=list(CATALOGUE))
def test_sizes(recipe: Recipe) -> None:
    if isinstance(recipe, Preprocess | Inpainting):
        rule = recipe.size_rule
        assert rule.side % rule.multiple_of == 0
        assert np.all(np.array(recipe.std) > 0)


def test_recipe(model: Model) -> None:
    """Each stage has recipes of its own; asked for another's, the row says what it is."""
    assert model.stage == model.recipe.STAGE
    assert model.recipe_as(type(model.recipe)) is model.recipe
    assert all(what and words for what, words in model.recipe.facts())
    other = Inpainting if model.stage == "matte" else Preprocess
    with pytest.raises(InputError, match=f"{model.name} is a network for the stage '{model.stage}'"):
        model.recipe_as(other)


def test_files(model: Model) -> None:
    for file in [*model.files, *(other for first in model.files for other in first.companions)]:
        assert "/" not in file.filename and file.sources
        for digest, digits in ((file.sha256, 64), (file.md5, 32)):
            assert digest is None or (
                len(digest) == digits and set(digest) <= set(string.hexdigits.lower())
            )
        for text in file.sources:
            assert parse(text).kind in FETCHERS and not text.startswith("http:")


def test_no_two_rows_share_a_file() -> None:
    hashes = [file.sha256 for model in CATALOGUE.values() for file in model.files if file.sha256]
    assert len(set(hashes)) == len(hashes)


def test_get_suggests() -> None:
    assert get("modnet") is CATALOGUE["modnet"]
    with pytest.raises(
        InputError, match="no model 'isnet-anim' in the catalogue; did you mean 'isnet-anime'"
    ):
        get("isnet-anim")
    with pytest.raises(InputError, match="known are u2netp, u2net,"):
        get("zzz")


def test_sources_are_parsed() -> None:
    hub = parse("hf:owner/my.repo@0a1b#onnx/model.onnx")
    assert (hub.kind, hub.name, hub.version, hub.path) == ("hf", "owner/my.repo", "0a1b", "onnx/model.onnx")
    pypi = parse("pypi:some-name==1.0.post1#pkg/a.onnx")
    assert (pypi.kind, pypi.name, pypi.version, pypi.path) == (
        "pypi",
        "some-name",
        "1.0.post1",
        "pkg/a.onnx",
    )
    npm = parse("npm:@scope/some-name@1.0.0-rc.1#a.onnx")
    assert (npm.kind, npm.name, npm.version) == ("npm", "@scope/some-name", "1.0.0-rc.1")
    web = parse("https://host/a?b=c#d")
    assert (web.kind, web.name, web.path) == ("https", "https://host/a?b=c#d", "")


@pytest.mark.parametrize(
    "text",
    [
        "http://example.org/file",  # without TLS only on this machine
        "http://127.0.0.1.example.org/file",
        "http://localhost:1@example.org/file",
        "ftp://host/file",
        "hf:owner/repo#file",  # a revision has to be named
        "pypi:name#file",
        "pypi:--index-url==1#file",  # nothing may become an option of the client
        "npm:name@latest#file",  # nor anything but a version
        "pypi:name==1#../file",
        "npm:name@1.0.0#/file",
        "file",
    ],
)
def test_other_sources_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no checkpoint source; write hf:OWNER"):
        parse(text)
