"""One `calibrate` command: graphs and frames in, typed graphs in their store out."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trt_anime import __version__, typed
from trt_anime.cli.calibrate.frames import candidates, chosen_frames
from trt_anime.cli.calibrate.speed import cpu_speeds
from trt_anime.engines.builder import StageGraph, stage_graph_from_file
from trt_anime.files import sha256_of
from trt_anime.typed import Form, Frames, Record, Speed, TypedGraph

if TYPE_CHECKING:
    from trt_anime.calibration.calibrator import Calibrated, Calibrator
    from trt_anime.calibration.selection import Candidate

# Raise it when equal settings give another typed graph.
REVISION = 1

_TOOLS = ("onnx", "onnxruntime", "onnxruntime-gpu", "nvidia-modelopt")


class Work:
    """What the calibrations of one command share: the clips, looked through once."""

    def __init__(
        self,
        clips: Sequence[Path],
        *,
        seed: int,
        method: str | None,
        again: bool,
        say: Callable[[str], None],
    ) -> None:
        self._clips, self._seed, self._method, self._again, self._say = clips, seed, method, again, say
        self._candidates: list[Candidate] | None = None
        self._contents: list[str] | None = None
        self._open: tuple[Path, StageGraph, Calibrator, Frames, Any] | None = None

    def typed(self, graph: Path, precision: str, form: Form) -> TypedGraph:
        """From the store if it was made with these settings, else calibrated and put there.

        Raises:
            InputError: a clip or the graph can't be read, or the frames show nothing.
            EngineError: the network can't be written in this precision.
            MissingError: a library isn't installed.
            OutputError: the store can't be written.
        """
        settings = self._settings(precision, form)
        found = typed.find(sha256_of(graph), precision=precision, form=form)
        if found and found.record.settings == settings and not self._again:
            self._say(
                f"{found.record.model} {precision} for {form}: was calibrated on these frames already"
            )
            return found
        source, calibrator, frames, example = self._opened(graph)
        method: Any = self._method
        made = calibrator.calibrated(precision, form=form, method=method)
        return self._installed(source, made, precision, form, settings, frames, example)

    def _opened(self, graph: Path) -> "tuple[StageGraph, Calibrator, Frames, Any]":
        """One graph's calibrator is kept, for the other precisions of the same graph."""
        from trt_anime.calibration.calibrator import Calibrator, Source
        from trt_anime.calibration.parity import run_with_onnxruntime

        if self._open is None or self._open[0] != graph:
            source = stage_graph_from_file(graph)
            if self._candidates is None:
                self._candidates = candidates(self._clips, seed=self._seed)
            run = run_with_onnxruntime(source.model)
            chosen = chosen_frames(
                self._clips, self._candidates, run, stage=source.info.stage, seed=self._seed
            )
            self._say(
                f"{source.info.model}: {len(chosen.calibration)} frames to calibrate on,"
                f" {len(chosen.validation)} others to judge by"
            )
            inputs = [[{"frame": f} for f in frames] for frames in (chosen.calibration, chosen.validation)]
            calibrator = Calibrator(Source(graph, source.info, source.model, *inputs), say=self._say)
            self._open = (graph, source, calibrator, chosen.facts, chosen.validation[0])
        return self._open[1:]

    def _installed(
        self,
        source: StageGraph,
        made: "Calibrated",
        precision: str,
        form: Form,
        settings: str,
        frames: Frames,
        example: Any,
    ) -> TypedGraph:
        model = _described(made.model, source, precision)
        data = model.SerializeToString(deterministic=True)
        speeds = cpu_speeds(source.path, data, example, say=self._say) if form == "cpu" else ()
        parity = made.comparison.parity
        in_use, why = _judged(parity.passed, form, precision, speeds)
        record = Record(
            stage=source.info.stage,
            model=source.info.model,
            precision=precision,
            form=form,
            source_sha256=source.sha256,
            graph_sha256=hashlib.sha256(data).hexdigest(),
            settings=settings,
            method=made.method,
            frames=frames,
            kept=made.kept,
            shares=made.shares,
            parity=parity,
            speeds=speeds,
            in_use=in_use,
            why=why,
            tools=_tools(),
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
        return typed.install(record, data, _picture(made))

    def _settings(self, precision: str, form: Form) -> str:
        if self._contents is None:
            self._contents = [_content(clip) for clip in self._clips]
        table = {
            "revision": REVISION,
            "precision": precision,
            "form": form,
            "method": self._method,
            "seed": self._seed,
            "clips": self._contents,
            "tools": _tools(),
        }
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def _described(model: Any, source: StageGraph, precision: str) -> Any:
    from dataclasses import replace

    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    onnx.helper.set_model_props(result, replace(source.info, precision=precision).to_metadata())
    return result


def _judged(passed: bool, form: Form, precision: str, speeds: tuple[Speed, ...]) -> tuple[bool, str]:
    """Whether to use it, and why."""
    if not passed:
        return False, "it is too far from FP32"
    if form == "tensorrt":
        measured = "" if precision == "fp16" else "; whether it is faster than FP16 only a GPU can tell"
        return True, f"near enough to FP32{measured}"
    best = max(speeds, key=lambda speed: speed.ratio)
    words = (
        f"{best.ratio:.2f} times as fast as FP32 ({best.low:.2f} to {best.high:.2f}) with {best.provider}"
    )
    if best.low <= 1:
        return False, f"it is not surely faster: {words}"
    return True, f"near enough to FP32, and {words}"


def _picture(made: "Calibrated") -> bytes:
    import cv2

    from trt_anime.calibration.parity import worst_picture

    rgb = worst_picture(made.comparison)
    return cast(bytes, cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def _content(clip: Path) -> str:
    if clip.is_dir():
        listing = sorted(
            (path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in clip.iterdir()
        )
        return hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    return sha256_of(clip) if clip.is_file() else str(clip)


def _tools() -> dict[str, str]:
    found = {"trt-anime": __version__}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
