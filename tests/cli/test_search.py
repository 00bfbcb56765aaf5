"""`trt-anime search`: the frames that a text or a picture is near to, and plain words about what lacks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.embed.pieces import END, SMALL_CLIP, Small, exported
from tests.runtime.annotation.films import HEIGHT, WIDTH, Film, film, folder_with
from tests.torch_threads import one_thread as one_thread
from trt_anime.cli import main
from trt_anime.export.embed import published
from trt_anime.export.embed.synthetic import write_clip
from trt_anime.runtime.annotation.annotate import annotate
from trt_anime.runtime.annotation.networks import PictureEncoder, TextEncoder
from trt_anime.runtime.annotation.tools import Tools
from trt_anime.runtime.annotation.vocabulary import Group
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.results.places import ANNOTATION, frame_name
from trt_anime.runtime.results.planes import write_picture
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.sessions.running import Running
from trt_anime.runtime.text.tokenizer import Tokenizer as Words

WORDS = ("red", "green", "blue", "energy", "beam", "figure", "a", "of")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A small CLIP in a home of its own, with a tokenizer beside it."""
    folder = tmp_path_factory.mktemp("clip")
    small = exported("clip-b32", published.CLIP, SMALL_CLIP, write_clip, published.new_clip, folder)
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    vocabulary |= {"[UNK]": 50, "<|startoftext|>": END - 1, "<|endoftext|>": END}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", END - 1), ("<|endoftext|>", END)],
    )
    backend.save(str(small.checkpoint.with_name("tokenizer.json")))
    return small


@pytest.fixture
def home(clip: Small, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where that CLIP is."""
    folder = clip.checkpoint.parents[2]
    monkeypatch.setenv("TRT_ANIME_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def figures() -> Film:
    return film()


@contextmanager
def tools_of(clip: Small, *, sha: str | None = None, **more: Any) -> Iterator[Tools]:
    """As `process` puts them together. `sha`: say that the weights are others."""
    names: dict[str, dict[str, tuple[int, ...]]] = {
        "embed": {"frame": (1, HEIGHT, WIDTH, 3)},
        "embed_text": {"ids": (1, 77)},
    }
    with HostDevice() as device:
        facts: dict[str, dict[str, Any]] = {}
        for name, shapes in names.items():
            session = OrtCpuSession(clip.paths[name], device, threads=1, name=name)
            facts[name] = {
                "model": session.info.model,
                "checkpoint_sha256": sha or session.info.checkpoint_sha256,
                "graph_sha256": session.origin.sha256,
                "run": Running(session, device, shapes),
            }
        words = Words.from_file(clip.checkpoint.with_name("tokenizer.json"), context=77)
        text = TextEncoder(**facts["embed_text"], tokenizer=words)
        yield Tools(clip=PictureEncoder(**facts["embed"]), clip_text=text, **more)


@pytest.fixture
def out(home: Path, clip: Small, figures: Film, tmp_path: Path) -> Path:
    """The film's folder, annotated with that CLIP."""
    results = folder_with(figures, tmp_path / "out")
    group = (Group("colour", {word: word for word in WORDS[:3]}, threshold=0.01),)
    with tools_of(clip, vocabulary=group, captions=lambda frames: ["a figure"] * len(frames)) as tools:
        annotate(results, tools, results.folder / ANNOTATION, lambda sentence: None)
    return results.folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as left:
            main(["search", *map(str, words)])
        text = capfd.readouterr()
        return Outcome(int(left.value.code or 0), text.out, text.err)

    return run


def ids_of(text: str) -> Any:
    row = np.full((1, 77), END, np.int32)
    numbers = [END - 1, *(WORDS.index(word) if word in WORDS else 50 for word in text.split())]
    row[0, : len(numbers)] = numbers
    return row


def expected(clip: Small, figures: Film, rows: list[dict[str, Any]], query: Any) -> list[float]:
    """Cosines of a query's vector with those of the frames, straight from the graphs."""
    wide = query.astype(np.float32)[0]
    return [float(clip.run("embed", frame=figures.frames[row["frame"]][None])[0] @ wide) for row in rows]


@pytest.mark.parametrize("text", ["red energy beam", "a figure of blue"])
def test_a_text_finds_the_frames_whose_vectors_are_nearest(
    out: Path, clip: Small, figures: Film, run: Run, text: str
) -> None:
    done = run(out, text, "--top", "100", "--json")
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    index = json.loads((out / ANNOTATION / "annotation.json").read_text())
    assert {row["frame"] for row in rows} == set(index["embeddings"]["clip"]["frames"])
    cosines = expected(clip, figures, rows, clip.run("embed_text", ids=ids_of(text)))
    np.testing.assert_allclose([row["score"] for row in rows], cosines, atol=2e-3)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert {row["by"] for row in rows} == {"clip-b32"}


def test_texts_that_differ_find_differently(out: Path, run: Run) -> None:
    scores = [json.loads(run(out, text, "--json").out)[0]["score"] for text in ("red", "green beam of")]
    assert abs(scores[0] - scores[1]) > 1e-3


def test_a_frame_of_the_film_finds_itself(out: Path, figures: Film, tmp_path: Path, run: Run) -> None:
    index = json.loads((out / ANNOTATION / "annotation.json").read_text())
    for frame in index["embeddings"]["clip"]["frames"]:
        write_picture(tmp_path / "picture.png", figures.frames[frame])
        done = run(out, "--image", tmp_path / "picture.png", "--top", "1", "--json")
        (row,) = json.loads(done.out)
        assert (done.code, done.err) == (0, "")
        assert row["score"] == pytest.approx(1, abs=2e-3)
        assert row["frame"] == frame or np.array_equal(figures.frames[frame], figures.frames[row["frame"]])


def test_the_table_shows_frame_time_and_caption(out: Path, run: Run) -> None:
    done = run(out, "red", "--top", "2")
    header, *lines = done.out.splitlines()
    assert header.split() == ["FRAME", "TIME", "SHOT", "SCORE", "WHAT", "IT", "SHOWS"]
    assert len(lines) == 2
    for line in lines:
        frame, time, shot, score, *words = line.split()
        assert time == f"0:00:{int(frame) / 24:06.3f}" and words == ["a", "figure"]
        assert 1 <= int(shot) <= 3 and -1 <= float(score) <= 1


def test_without_the_weights_words_are_searched_and_that_is_said(
    out: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "elsewhere"))
    done = run(out, "a figure", "--json", "--top", "3")
    assert done.code == 0 and len(done.err.splitlines()) == 1
    assert done.err.startswith("note: looked for the words in tags and captions only: clip-b32, which made")
    assert "`trt-anime models pull clip-b32`" in done.err
    rows = json.loads(done.out)
    assert len(rows) == 3 and {(row["by"], row["caption"]) for row in rows} == {("words", "a figure")}
    assert not (tmp_path / "elsewhere").exists()


def test_without_the_weights_no_picture_can_be_searched(
    out: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "elsewhere"))
    done = run(out, "--image", out / "clip" / frame_name(0))
    assert (done.code, done.out) == (3, "")
    assert "`trt-anime models pull clip-b32`" in done.err and len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("home")
def test_a_folder_without_vectors_says_how_to_get_them(figures: Film, tmp_path: Path, run: Run) -> None:
    results = folder_with(figures, tmp_path / "bare")
    annotate(results, Tools(), results.folder / ANNOTATION, lambda sentence: None)
    done = run(results.folder, "red beam")
    assert (done.code, done.out) == (0, "no frame was found\n")
    assert "holds no vectors of CLIP; run `trt-anime models pull clip-b32`" in done.err
    assert run(results.folder, "--image", results.folder / "clip" / frame_name(0)).code == 3


def test_vectors_of_other_weights_are_refused(
    home: Path, clip: Small, figures: Film, tmp_path: Path, run: Run
) -> None:
    results = folder_with(figures, tmp_path / "other")
    with tools_of(clip, sha="b" * 64, vocabulary=()) as tools:
        annotate(results, tools, results.folder / ANNOTATION, lambda sentence: None)
    for words in (["red"], ["--image", str(results.folder / "clip" / frame_name(0))]):
        done = run(results.folder, *words)
        assert (done.code, done.out) == (2, "")
        assert (
            "its vectors were made by clip-b32 with weights bbbbbbbbbbbb, and here is clip-b32" in done.err
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a text to search for, or --image"),
        (["  "], "give a text to search for, or --image"),
        (["red", "--image", "x.png"], "one of the two"),
        (["--image", "none.png"], "none.png: does not exist"),
    ],
)
def test_bad_usage_is_one_sentence(out: Path, run: Run, words: list[str], message: str) -> None:
    done = run(out, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err and len(done.err.splitlines()) == 1


def test_a_file_that_is_no_picture_is_named(out: Path, run: Run) -> None:
    done = run(out, "--image", out / "run.json")
    assert done.code == 2 and "run.json: can't be read as a picture" in done.err


def test_a_folder_that_nobody_annotated_says_what_to_run(tmp_path: Path, run: Run) -> None:
    done = run(tmp_path, "red")
    assert done.code == 2 and "run `trt-anime process`" in done.err


def test_a_picture_given_as_words_is_not_searched_for_as_words(out: Path, tmp_path: Path, run: Run) -> None:
    picture = tmp_path / "beam.png"
    picture.touch()
    outcome = run(out, str(picture))
    assert outcome.code == 2 and "--image" in outcome.err
