"""An error is one sentence on stderr and an exit code; a traceback only on request."""

import subprocess
import sys

import pytest

import trt_anime
from trt_anime import errors
from trt_anime.cli import main
from trt_anime.export import catalogue

Capture = pytest.CaptureFixture[str]


def code_of(*words: str) -> int:
    """Exit code of `trt-anime WORDS`."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on `models info` raises `error`."""

    def get(name: str) -> catalogue.Model:
        raise error

    monkeypatch.setattr(catalogue, "get", get)


@pytest.mark.parametrize("words", [["frobnicate"], ["models", "frobnicate"], ["engines", "frobnicate"]])
def test_unknown_command(words: list[str], capsys: Capture) -> None:
    assert code_of(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "No such command 'frobnicate'" in captured.err


@pytest.mark.parametrize(
    "words", [["--frob"], ["process", "--frob"], ["export", "--frob"], ["engines", "build", "--frob"]]
)
def test_unknown_option(words: list[str], capsys: Capture) -> None:
    assert code_of(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "No such option: --frob" in captured.err


@pytest.mark.parametrize(
    "words",
    [
        ["export", "u2nep"],
        ["models", "info", "u2nep"],
        ["models", "pull", "u2nep"],
        ["engines", "build", "u2nep", "--gpu", "sm89"],
    ],
)
def test_unknown_model(words: list[str], capsys: Capture) -> None:
    assert code_of(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: There is no model 'u2nep' in the catalogue; did you mean 'u2netp'?\n"


def test_version(capsys: Capture) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out == f"trt-anime {trt_anime.__version__}\n"


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type)],
    ids=lambda kind: kind.__name__,
)
def test_errors_of_ours(
    kind: type[errors.TrtAnimeError], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    fails_with(kind("clip.mp4: is lost; look for it"), monkeypatch)
    assert code_of("models", "info", "u2netp") == kind.exit_code
    assert capsys.readouterr().err == "error: clip.mp4: is lost; look for it\n"


def test_errors_of_nobody(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    fails_with(RuntimeError("boom"), monkeypatch)
    assert code_of("models", "info", "u2netp") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: unexpected RuntimeError: boom (run again with --debug for the traceback)\n"
    )


@pytest.mark.parametrize("error", [errors.InputError("lost"), RuntimeError("boom")])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_debug_raises_wherever_it_stands(
    error: Exception, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_with(error, monkeypatch)
    words = ["models", "info", "u2netp"]
    words.insert(place, "--debug")
    with pytest.raises(type(error)) as raised:
        main(words)
    assert raised.value is error


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(KeyboardInterrupt(), monkeypatch)
    assert code_of("models", "info", "u2netp") == 130


@pytest.mark.parametrize("debug", [False, True])
def test_as_a_program(debug: bool) -> None:
    words = [sys.executable, "-m", "trt_anime", "models", "info", "u2nep"]
    done = subprocess.run(words + ["--debug"] * debug, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert done.stdout == ""
    if debug:
        assert done.returncode == 1
        assert lines[0].startswith("Traceback") and lines[-1].startswith("trt_anime.errors.InputError: ")
    else:
        assert done.returncode == 2
        assert len(lines) == 1 and lines[0].startswith("error: ")
