"""The numbers of a text are the library's own, and what doesn't fit is said."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend

from tests.runtime.text import tiny
from trt_anime.errors import CheckpointError, InputError, MissingError
from trt_anime.runtime.text.tokenizer import Tokenizer

TEXTS = [
    "a glowing sword",
    "",
    "GLOWING Sword",
    "  tabs\tand\n\nlines,   spaces  ",
    "größe GRÖSSE Größe",
    "gro\u0308\u00dfe",  # the same in two code points
    "魔法の剣と稲妻",
    "💥 explosion!!! 22 beams",
    "don't draw it's edge, we'll",
    "fire. smoke . beam of light .",
    "\u3000ideographic\u00a0spaces\u200b",
]
FAMILIES = {"clip": tiny.clip, "bert": tiny.bert, "opt": tiny.opt}
CONTEXT = 77


@cache
def library(family: str) -> Any:
    return FAMILIES[family]()


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(family: str, folder: Path, *, context: int = CONTEXT) -> Tokenizer:
    return Tokenizer.from_file(tiny.published(library(family), folder), context=context)


def test_ids_and_mask_are_the_librarys(family: str, tmp_path: Path) -> None:
    tokens = read(family, tmp_path).encode(TEXTS)
    expected = library(family)(TEXTS, padding="max_length", max_length=CONTEXT, return_tensors="np")
    assert tokens.ids.dtype == tokens.mask.dtype == np.int32
    np.testing.assert_array_equal(tokens.ids, expected["input_ids"])
    np.testing.assert_array_equal(tokens.mask, expected["attention_mask"])
    np.testing.assert_array_equal(tokens.lengths, expected["attention_mask"].sum(axis=1))
    assert len({row.tobytes() for row in tokens.ids}) == len(TEXTS)


def test_clip_ignores_case_and_spaces_but_not_accents(tmp_path: Path) -> None:
    tokenizer = read("clip", tmp_path)
    same = tokenizer.encode(["größe  sword", "GRÖ\u00dfe\nsword ", "gro\u0308\u00dfe sword"]).ids
    assert (same == same[0]).all()
    assert (tokenizer.encode(["große sword"]).ids != same[0]).any()
    start, end = tokenizer.id_of(tiny.START), tokenizer.id_of(tiny.END)
    row = tokenizer.encode(["sword"]).ids[0]
    assert row[0] == start and (row[2:] == end).all() and tokenizer.padding == end
    assert end == max(library("clip").get_vocab().values())


def test_ids_become_the_librarys_text(tmp_path: Path) -> None:
    tokenizer = read("opt", tmp_path)
    for text in TEXTS:
        ids = tokenizer.encode([text]).ids[0]
        assert tokenizer.decode(ids) == library("opt").decode(ids, skip_special_tokens=True).strip()
    assert tokenizer.decode(tokenizer.encode(["a glowing sword"]).ids[0]) == "a glowing sword"


def test_a_text_that_just_fits_and_one_that_is_too_long(family: str, tmp_path: Path) -> None:
    text = "sword " * 9
    length = len(library(family)(text)["input_ids"])
    row = read(family, tmp_path, context=length).encode([text])
    assert row.lengths.tolist() == [length] and row.ids.shape == (1, length)
    with pytest.raises(InputError) as raised:
        read(family, tmp_path, context=length - 1).encode(["short", text])
    assert str(raised.value) == (
        f"the prompt 'sword sword sword sword sword sword swo…' has {length} tokens, the network reads"
        f" {length - 1} at most; shorten it or make two of it"
    )


def test_how_the_file_was_saved_changes_nothing(family: str, tmp_path: Path) -> None:
    """A saved tokenizer remembers how its last user cut and filled up."""
    tokenizer = read(family, tmp_path)
    expected = tokenizer.encode(TEXTS).ids
    path = tmp_path / "tokenizer.json"
    backend = Backend.from_file(str(path))
    backend.enable_truncation(4)
    backend.enable_padding(length=5)
    backend.save(str(path))
    np.testing.assert_array_equal(Tokenizer.from_file(path, context=CONTEXT).encode(TEXTS).ids, expected)


def test_no_texts_no_rows(tmp_path: Path) -> None:
    assert read("clip", tmp_path).encode([]).ids.shape == (0, CONTEXT)


def test_a_token_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no token '\[SEP\]'; use the tokenizer that was published"):
        read("clip", tmp_path).id_of("[SEP]")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"tokenizer.json: the tokenizer isn't there; run `trt-anime"):
        Tokenizer.from_file(tmp_path / "tokenizer.json", context=CONTEXT)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"model": {"type": "BPE"}}', b"[1"])
def test_a_file_that_is_no_tokenizer(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"can't be read as a tokenizer \(.*\); pull the network"):
        Tokenizer.from_file(path, context=CONTEXT)


def test_a_tokenizer_without_padding(tmp_path: Path) -> None:
    path = tiny.published(library("opt"), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text())).replace("<pad>", "<other>"))
    with pytest.raises(CheckpointError, match="it has no token to fill rows up with"):
        Tokenizer.from_file(path, context=CONTEXT)


def test_neither_torch_nor_transformers_is_needed(tmp_path: Path) -> None:
    path = tiny.published(library("clip"), tmp_path)
    script = (
        "import sys; sys.modules.update(torch=None, transformers=None, onnx=None)\n"
        "from pathlib import Path; from trt_anime.runtime.text.tokenizer import Tokenizer\n"
        "print(Tokenizer.from_file(Path(sys.argv[1]), context=5).encode(['a sword']).ids.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    expected = library("clip")(["a sword"], padding="max_length", max_length=5)["input_ids"]
    assert done.stdout == f"{expected}\n", done.stderr
