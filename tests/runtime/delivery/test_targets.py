"""A conversion's folder is whole or absent, and never takes the place of what isn't ours."""

from pathlib import Path

import pytest

from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.delivery.targets import MARK, check_files, delivering


def _deliver(target: Path, text: str = "new", *, overwrite: bool = False) -> None:
    with delivering(target, what="test", source=target.parent, overwrite=overwrite) as folder:
        (folder / "a.txt").write_text(text)
        assert not (target / "a.txt").exists() or (target / "a.txt").read_text() != text


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_folder_appears_in_one_step(out: Path) -> None:
    _deliver(out)
    assert _names(out) == ["a.txt", MARK] and _names(out.parent) == [out.name]


def test_an_empty_folder_is_filled(out: Path) -> None:
    out.mkdir()
    _deliver(out)
    assert _names(out) == ["a.txt", MARK]


def test_an_earlier_conversion_is_replaced_only_when_asked(out: Path) -> None:
    _deliver(out, "old")
    (out / "left_over.txt").touch()
    with pytest.raises(InputError, match="--overwrite"):
        _deliver(out)
    assert (out / "a.txt").read_text() == "old"
    _deliver(out, overwrite=True)
    assert (out / "a.txt").read_text() == "new" and _names(out) == ["a.txt", MARK]
    assert _names(out.parent) == [out.name]


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_are_never_replaced(out: Path, overwrite: bool) -> None:
    out.mkdir()
    (out / "diary.txt").write_text("dear")
    with pytest.raises(InputError, match="holds other files"):
        _deliver(out, overwrite=overwrite)
    assert (out / "diary.txt").read_text() == "dear"


def test_a_file_in_the_way_is_named(out: Path) -> None:
    out.write_text("x")
    with pytest.raises(InputError, match="is a file"):
        _deliver(out)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_what_was_there(out: Path, error: BaseException) -> None:
    _deliver(out, "old")
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with (
        pytest.raises(expected),
        delivering(out, what="test", source=out.parent, overwrite=True) as folder,
    ):
        (folder / "half.txt").touch()
        raise error
    assert (out / "a.txt").read_text() == "old" and _names(out.parent) == [out.name]


def test_single_files_are_refused_by_name(tmp_path: Path) -> None:
    there = tmp_path / "there.mkv"
    check_files([there], overwrite=False)
    there.touch()
    check_files([there], overwrite=True)
    with pytest.raises(InputError, match=r"there\.mkv: is there already"):
        check_files([tmp_path / "new.mkv", there], overwrite=False)
