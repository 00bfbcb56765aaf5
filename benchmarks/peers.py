"""The same work by other means that a user has at hand: ONNX Runtime in a loop, OpenCV, Polygraphy."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import layers_in
from benchmarks.footage import Footage
from benchmarks.pairs import Pair, Rounds, alternated
from samples.scene import Scene, SceneOptions
from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.media.png import write_png
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.sessions.running import Running

Layer = NDArray[np.uint8]

# A sum in another order may round to the neighbouring level.
_MOST_LEVELS = 1


def plain_loop(
    graph: Path, footage: Footage, folder: Path, *, name: str, rounds: int, threads: int
) -> Pair:
    """`process` against `cv2.imread`, ONNX Runtime, `cv2.imwrite` in a loop, on the same stage graph.

    Args:
        folder: for what both write; it is there.

    Raises:
        EngineError: the layers differ.
    """
    session = _session(graph, threads=threads, spinning=True)
    theirs, ours = folder / "theirs", folder / "ours"
    files = sorted(footage.png.iterdir())

    def loop() -> None:
        theirs.mkdir(exist_ok=True)
        for file in files:
            picture = cv2.imread(str(file))
            assert picture is not None
            frame = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            rgba: Any = session.run(None, {"frame": frame[None]})[0]
            cv2.imwrite(str(theirs / file.name), cv2.cvtColor(rgba[0], cv2.COLOR_RGBA2BGRA))

    def process() -> float:
        options = ProcessOptions(
            input=footage.png,
            output=ours,
            device="cpu",
            provider="onnxruntime",
            precision="fp32",
            format="png",
            threads=threads,
            held=False,
            overwrite=True,
        )
        return process_clip(options, graph=lambda stage: graph).elapsed_s

    loop()
    process()
    pairs = zip(layers_in(ours), sorted(theirs.iterdir()), strict=True)
    gap = max(_gap(_read(one), _read(other)) for one, other in pairs)
    found = alternated(process, loop, rounds=rounds, units=footage.frames)
    return _pair(name, "ONNX Runtime and OpenCV in a loop", found, _checked(footage.frames, gap))


def writers(*, size: tuple[int, int], rounds: int, repeats: int) -> Pair:
    """Our PNG writer against OpenCV's as it comes, on drawn RGBA layers, in one thread each.

    Args:
        size: (height, width).

    Raises:
        EngineError: the files don't hold the same pixels.
    """
    layers = drawn_layers(size)
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name) / "ours.png", Path(name) / "theirs.png"

        def write(layer: Layer) -> None:
            write_png(ours, layer, None)

        def opencv(layer: Layer) -> None:
            cv2.imwrite(str(theirs), cv2.cvtColor(layer, cv2.COLOR_RGBA2BGRA))

        for layer in layers:
            write(layer)
            opencv(layer)
            if _gap(_read(ours), _read(theirs)):
                raise EngineError("our PNG file and OpenCV's don't hold the same pixels")
        work = layers * repeats
        found = alternated(
            lambda: _each(write, work), lambda: _each(opencv, work), rounds=rounds, units=len(work)
        )
    words = f"{len(layers)} layers, every pixel the same"
    return _pair(f"PNG writer, {size[0]}p RGBA, one thread", "cv2.imwrite", found, words, unit="layer")


def runners(graph: Path, frame: Layer, *, name: str, rounds: int, repeats: int) -> Pair:
    """What runs a session: ours as the pipeline does it, against Polygraphy's, in one thread.

    Args:
        frame: uint8 [H,W,3].

    Raises:
        MissingError: Polygraphy isn't here.
        EngineError: the outputs differ.
    """
    try:
        from polygraphy.backend.onnxrt import OnnxrtRunner
    except ModuleNotFoundError as error:
        raise MissingError("needs Polygraphy; pip install 'trt-anime[calibration]'") from error
    feeds = {"frame": frame[None]}
    with (
        HostDevice() as device,
        OrtCpuSession(graph, device, threads=1, name="2a") as session,
        Running(session, device, {"frame": feeds["frame"].shape}) as ours,
        OnnxrtRunner(lambda: _session(graph, threads=1, spinning=False)) as theirs,
    ):
        gaps = [_gap(ours(feeds)["rgba"], theirs.infer(feeds)["rgba"]) for _ in range(2)]
        if any(gaps):
            raise EngineError(f"{graph.name}: Polygraphy's runner gives other bytes than ours")
        found = alternated(
            lambda: _again(lambda: ours(feeds), repeats),
            lambda: _again(lambda: theirs.infer(feeds), repeats),
            rounds=rounds,
            units=repeats,
        )
    return _pair(name, "Polygraphy's OnnxrtRunner", found, "every byte the same", unit="run")


def drawn_layers(size: tuple[int, int]) -> list[Layer]:
    """Character, effects and background of a drawn scene: uint8 [H,W,4] RGBA.

    Args:
        size: (height, width).
    """
    truth = Scene(SceneOptions(seed=3, height=size[0], width=size[1], frames=24)).render(12)
    layers = (
        np.dstack([truth.foreground, truth.alpha]),
        truth.effect,
        np.dstack([truth.plate / np.float32(255), np.ones(truth.alpha.shape, np.float32)]),
    )
    return [np.ascontiguousarray(np.round(layer * 255), np.uint8) for layer in layers]


def _pair(name: str, other: str, found: Rounds, checked: str, *, unit: str = "frame") -> Pair:
    return Pair(name, other, found.ours, found.theirs, checked, unit=unit)


def _session(graph: Path, *, threads: int, spinning: bool) -> Any:
    """ONNX Runtime's own; `spinning` as it comes."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _checked(frames: int, gap: int) -> str:
    """Raises EngineError: too far apart."""
    if gap > _MOST_LEVELS:
        raise EngineError(f"layers of the same graph differ by {gap} of 255: speeds can't be compared")
    return f"{frames} frames, layers differ by {gap} of 255 at most"


def _gap(one: NDArray[Any], other: NDArray[Any]) -> int:
    return int(np.abs(one.astype(np.int16) - other).max())


def _read(file: Path) -> Layer:
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise EngineError(f"{file.name}: is not an RGBA picture")
    return np.asarray(picture, np.uint8)


def _each(work: Callable[[Layer], None], layers: list[Layer]) -> None:
    for layer in layers:
        work(layer)


def _again(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()
