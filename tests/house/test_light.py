"""Imports are free, and every `--help` works where nothing heavy is installed."""

import json
import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "tensorrt",
    "tensorrt_rtx",
    "cuda",
    "cv2",
    "av",
    "onnx",
    "onnxruntime",
    "openvino",
    "OpenEXR",
    "PyNvVideoCodec",
    "pyarrow",
    "scenedetect",
    "usearch",
    "numpy",
    "spox",
    "tokenizers",
    "rich",
    "httpx",
    "huggingface_hub",
)
# Typer turns words into values with it, even on the way to a `--help`.
OF_TYPER = ("pydantic",)

BLOCK = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # its import raises ModuleNotFoundError
"""

HELPS = """
import contextlib, io, json
from typer.main import get_command
from trt_anime.cli import app, main

def commands(command, words):
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, [*words, name])

results = {}
for words in commands(get_command(app), []):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main([*words, "--help"])
        except SystemExit as left:
            results[" ".join(words)] = [left.code, out.getvalue()]
print(json.dumps(results))
"""

IMPORTS = """
import trt_anime, trt_anime.calibration, trt_anime.engines, trt_anime.runtime
import trt_anime.export, trt_anime.export.networks, trt_anime.export.catalogue, trt_anime.export.graphs
print(sorted(name for name in sys.modules if name.partition(".")[0] in sys.argv[1:] and sys.modules[name]))
"""

COMMANDS = {
    "",
    "process",
    "convert",
    "export",
    "calibrate",
    "doctor",
    "models",
    "models list",
    "models info",
    "models pull",
    "models import",
    "engines",
    "engines build",
    "engines list",
    "engines check",
    "engines verify",
    "engines prune",
    "profile",
    "profile run",
    "profile compare",
}


def test_every_help_needs_nothing_heavy() -> None:
    results = json.loads(_python(HELPS, blocked=HEAVY))
    assert results.keys() >= COMMANDS
    for words, (code, text) in results.items():
        assert code == 0, f"trt-anime {words} --help: {text}"
        assert text.startswith(f"Usage: trt-anime {words}".rstrip()), text
        assert "--help" in text


def test_imports_need_nothing_heavy() -> None:
    assert _python(IMPORTS, blocked=(*HEAVY, *OF_TYPER)) == "[]\n"


def test_imports_load_nothing_heavy() -> None:
    """Not even where it is there: a `try: import` would hide from the test above."""
    script = "import sys\n" + IMPORTS
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *HEAVY, *OF_TYPER], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def _python(script: str, *, blocked: tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCK + script, *blocked], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
