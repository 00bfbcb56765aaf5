"""What counts as a checkpoint: content, not name."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from tests.checkpoints.conftest import tiny_onnx
from trt_anime.errors import CheckpointError
from trt_anime.export.checkpoints.verify import format_of

# The first bytes of what torch.save writes with _use_new_zipfile_serialization=False.
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, bytes(5000))
    return stream.getvalue()


def external_onnx() -> bytes:
    import onnx

    model = onnx.load_from_string(tiny_onnx())
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    data: bytes = model.SerializeToString()
    return data


SAFE = save({"weight": np.ones((4, 4), np.float32)}, {"made by": "a test"})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (zipped("archive/data.pkl"), "pth"),
        (LEGACY + bytes(100), "pth"),
        (SAFE, "safetensors"),
        (tiny_onnx(), "onnx"),
    ],
    ids=["pth", "legacy pth", "safetensors", "onnx"],
)
def test_formats_are_recognised_whatever_the_name(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "misnamed.txt"
    file.write_bytes(content)
    assert format_of(file) == expected


BAD = {
    "empty": (lambda: b"", "is empty; download it again"),
    "page": (lambda: b"\n <!DOCTYPE html><html>", "is a web page; download the file itself"),
    "pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "is a git-lfs pointer, not the weights; run `git lfs pull`",
    ),
    "cut pth": (lambda: zipped("archive/data.pkl")[:3000], "is cut short; download it again"),
    "cut safetensors": (lambda: SAFE[:-8], "bytes; download it again"),
    "cut safetensors header": (lambda: SAFE[:40], "is cut short; download it again"),
    "damaged safetensors": (lambda: SAFE[:8] + b"{" + b"x" * (len(SAFE) - 9), "damaged safetensors header"),
    "cut onnx": (lambda: tiny_onnx()[:-20], "or cut short; download it again"),
    "split onnx": (external_onnx, "keeps its weights in another file; save it as one"),
    "zip": (lambda: zipped("weights/readme.txt"), "a zip archive without a checkpoint in it; unpack it"),
    "pickle": (lambda: b"\x80\x04\x95" + bytes(50), "is no .pth, .safetensors or .onnx file"),
    "noise": (lambda: bytes(range(256)), "is no .pth, .safetensors or .onnx file"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_everything_else_is_refused(tmp_path: Path, content: Callable[[], bytes], message: str) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content())
    with pytest.raises(CheckpointError) as caught:
        format_of(file)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file; check the path"):
        format_of(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"can't be read \(Is a directory\); check the path"):
        format_of(tmp_path)
