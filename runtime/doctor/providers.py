"""Which of ONNX Runtime's execution providers truly run a graph: what it lists says nothing of that."""

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from trt_anime.runtime.doctor.facts import OnnxRuntime, Provider

# The first calls a server, the others compile an engine before they run; no stage uses them.
_NOT_TRIED = ("AzureExecutionProvider", "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider")
_ERRORS = 3  # ONNX Runtime's severity of errors
_REASON_LENGTH = 300


def onnxruntime() -> OnnxRuntime:
    """Runs a graph of one node on each provider."""
    if importlib.util.find_spec("onnxruntime") is None:
        return OnnxRuntime(installed=False)
    import onnxruntime as module

    module.set_default_logger_severity(_ERRORS)
    with _heard():
        module.preload_dlls()  # as the runtime does
    names = [name for name in module.get_available_providers() if name not in _NOT_TRIED]
    return OnnxRuntime(
        version=str(module.__version__), providers=tuple(_provider(module, name) for name in names)
    )


def _provider(module: Any, name: str) -> Provider:
    with _heard() as said:
        try:
            first = _ran_on(module, name)
            reason = f"ONNX Runtime silently ran on {first} instead"
        except Exception as error:  # ONNX Runtime's classes share no base but Exception
            first, reason = "", _sentence(str(error))
    if first == name:
        return Provider(name=name, runs=True)
    return Provider(name=name, runs=False, reason=_first_error(said) or reason)


def _ran_on(module: Any, name: str) -> str:
    """Run a graph with a provider; which one the session has come to have."""
    options = module.SessionOptions()
    options.log_severity_level = _ERRORS
    session = module.InferenceSession(_doubling(), options, providers=[name])
    session.disable_fallback()
    (doubled,) = session.run(None, {"x": np.array([3], np.float32)})
    if doubled.tolist() != [6]:
        raise ArithmeticError(f"3 + 3 gave {doubled.tolist()[0]}")
    return str(session.get_providers()[0])


def _doubling() -> bytes:
    """The graph y = x + x."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Lines that are written to stdout and stderr within the block, from C++ too; there after it."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as log:
        kept = [(stream, os.dup(stream)) for stream in (1, 2)]
        _flush()
        for stream, _ in kept:
            os.dup2(log.fileno(), stream)
        try:
            yield lines
        finally:
            _flush()
            for stream, old in kept:
                os.dup2(old, stream)
                os.close(old)
            log.seek(0)
            lines += log.read().decode(errors="replace").splitlines()


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _first_error(lines: list[str]) -> str:
    """Of what ONNX Runtime logged and printed; empty if there is none."""
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]
    errors = [line for line in plain if "[E:onnxruntime" in line or line.startswith("EP Error ")]
    return _sentence(errors[0]) if errors else ""


def _sentence(words: str) -> str:
    """Without the codes and places in the source that stand before it, without libraries' folders."""
    text = " ".join(words.split())
    if "[ONNXRuntimeError]" in text:
        text = text.partition("[ONNXRuntimeError]")[2].split(" : ", 3)[-1]
    else:
        text = re.sub(r"^.*?\[E:onnxruntime[^\]]*\] ", "", text)
    text = re.sub(r"\S*[/\\](?=\S+\.(so|dll)\b)", "", text)  # where our libraries lie is known
    return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 3] + "..."
