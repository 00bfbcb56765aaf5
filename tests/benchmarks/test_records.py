"""Pages and sentences are what records say, and records are young enough for the code they describe."""

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import past, readme
from benchmarks.bench_report import Bench, pairs_of
from benchmarks.code_path import ROOT
from benchmarks.figures import FIGURES
from benchmarks.records import Subject, aged, edited, keep
from benchmarks.subjects import SUBJECTS

RUNTIME_PAGE = "docs/runtime.md"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of all that records say and are said of, and of the code of held frames."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("images"))
    shutil.copytree(ROOT / "benchmarks" / "records", tmp_path / "benchmarks" / "records")
    shutil.copytree(ROOT / "runtime" / "lookahead", tmp_path / "runtime" / "lookahead")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def replace(path: Path, right: str, wrong: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_page_is_what_its_record_says(subject: Subject) -> None:
    assert list(edited(subject)) == []


def test_a_figure_is_what_its_record_says() -> None:
    assert list(readme.edited()) == []


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_record_is_young_enough(subject: Subject) -> None:
    assert list(aged(subject)) == []


def test_every_page_that_is_written_has_a_record() -> None:
    written = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "docs").glob("*.md")
        if re.search(r"don't edit|Written by", path.read_text(encoding="utf-8"))
    }
    assert written == {subject.page for subject in SUBJECTS.values() if subject.page}


def test_every_record_belongs_to_a_command() -> None:
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "benchmarks" / "records").iterdir()}
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.json")}
    assert kept | found == {subject.record for subject in SUBJECTS.values()}


def test_every_figure_is_quoted_somewhere() -> None:
    names = [
        block[2]
        for path in readme.texts(ROOT)
        for block in readme.BLOCK.finditer(path.read_text(encoding="utf-8"))
    ]
    assert set(names) == FIGURES.keys()


@pytest.mark.parametrize("page", ["README.md", RUNTIME_PAGE])
def test_no_figure_stands_beside_the_records(page: str) -> None:
    """In the last column of a table of measurements there is nothing but figures of records and links."""
    text = (ROOT / page).read_text(encoding="utf-8").partition("## Measured")[2].partition("\n## ")[0]
    cells = [line.split("|")[-2] for line in readme.BLOCK.sub("", text).splitlines() if line[:1] == "|"]
    bare = [re.sub(r"\[[^]]*\]\([^)]*\)", "", cell) for cell in cells]
    assert len(bare) > 5 and not [cell for cell in bare if re.search(r"\d", cell)]


def test_a_page_edited_by_hand_is_named(copy: Path) -> None:
    replace(copy / "docs" / "held_frames.md", "97.1 %", "99.1 %")
    subject = SUBJECTS["held_frames"]
    assert list(edited(subject, copy)) == [
        "docs/held_frames.md: is not what benchmarks/records/held_frames.json says; don't edit it, run"
        " `python -m benchmarks.held_frames` or `python -m benchmarks.readme`"
    ]
    assert list(edited(SUBJECTS["chain_quality"], copy)) == []


def test_a_record_edited_by_hand_no_longer_fits_its_page(copy: Path) -> None:
    record = copy / SUBJECTS["chain_quality"].record
    content = json.loads(record.read_text(encoding="utf-8"))
    content["films"][0]["shots"][0]["recomposed_db"] = 60.0
    record.write_text(json.dumps(content), encoding="utf-8")
    assert list(edited(SUBJECTS["chain_quality"], copy))
    assert [words.split(":")[0] for words in readme.edited(copy)] == ["README.md"]


@pytest.mark.parametrize("page", ["README.md", RUNTIME_PAGE])
def test_a_figure_edited_by_hand_is_named_and_mended(page: str, copy: Path) -> None:
    right = (copy / page).read_text(encoding="utf-8")
    replace(copy / page, "50 of 50", "60 of 60")
    assert list(readme.edited(copy)) == [
        f"{page}: 'kills' is not what the records say; don't edit it, run `python -m benchmarks.readme`"
    ]
    readme.refresh(copy)
    assert (copy / page).read_text(encoding="utf-8") == right


def test_a_figure_in_a_sentence_begins_no_line() -> None:
    """Markdown takes a line that begins with a comment for HTML, and ends the sentence before it."""
    for path in readme.texts(ROOT):
        text = path.read_text(encoding="utf-8")
        for block in readme.BLOCK.finditer(text):
            assert "\n" in block[3] or text[block.start() - 1] != "\n", (path.name, block[2])


def test_a_command_writes_its_record_its_page_and_what_is_quoted(copy: Path) -> None:
    subject = SUBJECTS["held_frames"]
    content = subject.read()
    for cost in content["costs"].values():
        cost["mean"] = 2.54
    replace(copy / "runtime" / "lookahead" / "held.py", "return ", "return 1 and ")
    keep("held_frames", {name: value for name, value in content.items() if name != "code"}, copy)
    assert [*edited(subject, copy), *aged(subject, copy), *readme.edited(copy)] == []
    assert subject.read(copy)["code"] != content["code"]
    assert "| 2.54 |" in (copy / "docs" / "held_frames.md").read_text(encoding="utf-8")
    assert "<!-- measured: held -->2.5 ms<!-- /measured --> a frame" in (copy / RUNTIME_PAGE).read_text(
        encoding="utf-8"
    )


def test_words_around_a_figure_may_be_edited(copy: Path) -> None:
    replace(copy / "README.md", "| killed at random while", "| stopped at random while")
    assert list(readme.edited(copy)) == []


def test_a_figure_that_nobody_knows_is_refused() -> None:
    text = "<!-- measured: luck -->7<!-- /measured -->"
    now, [words] = readme.quoted(text, readme.reader(ROOT))
    assert now == text and words.startswith("'measured: luck' is no figure; it is one of chain, ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            None,
            "benchmarks/records/endurance.json: can't be read (.*); run `python -m benchmarks.endurance`",
        ),
        ("{}", "'kills' can't be made of its record (KeyError('kills')); measure it again"),
    ],
)
def test_what_a_record_lacks_is_left_as_it_is_and_all_else_is_written(
    content: str | None, words: str, copy: Path
) -> None:
    replace(copy / "README.md", "50 of 50", "60 of 60")
    demo = f"{SUBJECTS['demo'].read()['make_s']:.0f} s"
    replace(copy / "README.md", demo, "6.5 s")
    record = copy / SUBJECTS["endurance"].record
    record.write_text(content, encoding="utf-8") if content else record.unlink()
    pattern = re.escape(words).replace(r"\.\*", ".*")
    assert any(re.fullmatch(pattern, sentence) for sentence in readme.refresh(copy))
    assert any(re.fullmatch(pattern, sentence) for sentence in readme.edited(copy))
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert "60 of 60" in text and demo in text


def test_code_that_has_become_another_ages_its_record(copy: Path) -> None:
    """Some changed functions are allowed, many are not, wherever they stand."""
    subject, folder = SUBJECTS["held_frames"], copy / "runtime" / "lookahead"
    assert list(aged(subject, copy)) == []
    files = [path for path in sorted(folder.glob("*.py")) if "return" in path.read_text(encoding="utf-8")]
    replace(files[0], "return ", "return 1 and ")
    assert list(aged(subject, copy)) == []
    for path in files:
        path.write_text(
            path.read_text(encoding="utf-8").replace("return ", "return 1 and "), encoding="utf-8"
        )
    [words] = aged(subject, copy)
    assert re.fullmatch(
        r"benchmarks/records/held_frames.json: \d+% of the functions that it describes have changed,"
        r" 20% are allowed; run `python -m benchmarks.held_frames` again",
        words,
    )


def test_one_model_of_many_ages_by_itself(tmp_path: Path) -> None:
    for path in {path.format(stage="mask") for path in SUBJECTS["models"].describes}:
        source, target = ROOT / path, tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    findings = json.loads((ROOT / SUBJECTS["models"].record).read_text(encoding="utf-8"))
    findings = {name: model for name, model in findings.items() if model["stage"] == "mask"}
    findings["mobile-sam"]["code"] = {}
    (tmp_path / "docs").mkdir()
    (tmp_path / SUBJECTS["models"].record).write_text(json.dumps(findings), encoding="utf-8")
    [words] = aged(SUBJECTS["models"], tmp_path)
    assert words.endswith("30% are allowed; run `python -m benchmarks.models mobile-sam` again")


def test_the_history_of_this_release_is_of_the_same_run_as_the_table() -> None:
    bench = Bench.of(SUBJECTS["bench"].read())
    facts = bench.facts
    now = past.then_of(
        pairs_of(bench), release=facts["release"], machine=facts["machine"], date=facts["date"], quiet=True
    )
    kept = json.loads(past.path_of(now).read_text(encoding="utf-8"))
    assert (kept["date"], kept["ratios"]) == (now.date, now.ratios)
