"""`trt-anime models`, as typed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkpoints.conftest import model_of, tiny_onnx
from tests.checkpoints.server import Answer, Server
from trt_anime.cli import main
from trt_anime.export import catalogue


def run(*arguments: str) -> int:
    """Exit code of `trt-anime models ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main(["models", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def toy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A catalogue of one good and one lost model."""
    good = model_of(server.serve("/file", Answer(tiny_onnx())), body=tiny_onnx())
    lost = replace(model_of(server.url + "/lost"), name="lost")
    monkeypatch.setattr(catalogue, "CATALOGUE", {"toy": good, "lost": lost})
    return server


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    for model in catalogue.CATALOGUE.values():
        assert model.name in out and model.title in out
    assert out.count("not here") == len(catalogue.CATALOGUE)
    assert max(map(len, out.splitlines())) <= 120
    assert run("list", "--here") == 0
    assert capsys.readouterr().out == ""


def test_list_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(catalogue.CATALOGUE)
    assert rows[0]["doors"]["onnx"]["size_bytes"] == 4_574_861 and rows[0]["here"] == []


@pytest.mark.parametrize("name", catalogue.CATALOGUE)
def test_info(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", name) == 0
    out = " ".join(capsys.readouterr().out.split())
    model = catalogue.CATALOGUE[name]
    facts = [model.title, model.licence, model.licence_note, model.page]
    facts += [
        text
        for file in model.files
        for text in (file.sha256 or "the first download pins it", *file.sources)
    ]
    assert all(fact in out for fact in facts)
    assert f"fetch it with `trt-anime models pull {name}`" in out


def test_pull(toy: Server, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "toy") == 0
    captured = capsys.readouterr()
    assert str(home / "models/toy/weights.onnx") in captured.out
    assert toy.url + "/file" in captured.out and "(as published)" in captured.out
    assert run("list") == 0
    assert "here (onnx)" in capsys.readouterr().out
    assert run("list", "--here") == 0
    assert capsys.readouterr().out == "toy\n"
    assert run("info", "toy") == 0
    assert f"On this machine: {home / 'models/toy/weights.onnx'}" in capsys.readouterr().out


def test_pull_all_goes_on_after_a_failure(toy: Server, capsys: pytest.CaptureFixture[str]) -> None:
    names = list(catalogue.CATALOGUE)
    assert run("pull", *reversed(names)) == 1
    captured = capsys.readouterr()
    assert "weights.onnx" in captured.out
    assert "answered 404 Not Found" in captured.err
    assert captured.err.endswith("error: 1 of 2 models was not fetched (lost); the reasons are above\n")
    assert run("pull", "--all") == 1


def test_pull_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull") == 2
    assert capsys.readouterr().err.startswith("error: Name the models to fetch, or give --all")


@pytest.mark.parametrize("command", [["pull"], ["info"], ["import"]])
def test_unknown_name(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [str(tmp_path)] if command == ["import"] else []
    assert run(*command, "isnet_anime", *more) == 2
    assert "did you mean 'isnet-anime'?" in capsys.readouterr().err


def test_import(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tuned.onnx").write_bytes(tiny_onnx())
    assert run("import", "u2netp", str(tmp_path / "tuned.onnx")) == 0
    captured = capsys.readouterr()
    assert "is not the published file; taken as your own" in captured.err
    assert str(home / "models/u2netp/u2netp.onnx") in captured.out and "(your own)" in captured.out
    assert run("list") == 0
    assert "your own onnx" in capsys.readouterr().out
    assert run("import", "u2netp", str(tmp_path / "none.pth")) == 2
    assert "none.pth: there is no such file" in capsys.readouterr().err


def test_help_is_light() -> None:
    heavy = {"torch", "httpx", "huggingface_hub", "onnx", "rich", "numpy", "filelock"}
    script = f"import sys, trt_anime.cli.models; print({heavy} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
    for words in ([], ["list"], ["info"], ["pull"], ["import"]):
        assert run(*words, "--help") == 0
