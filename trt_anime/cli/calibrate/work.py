"""One `calibrate` command: graphs and frames in, typed graphs in their store out."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime import __version__, typed
from trt_anime.cli.calibrate.frames import Chosen, candidates, chosen_frames
from trt_anime.cli.calibrate.speed import cpu_speeds
from trt_anime.cli.calibrate.written import is_written, written
from trt_anime.engines.builder import StageGraph, stage_graph_from_file
from trt_anime.errors import EngineError, InputError
from trt_anime.files import sha256_of
from trt_anime.hollow import weight_files
from trt_anime.typed import Form, Frames, Record, Speed, TypedGraph

if TYPE_CHECKING:
    from trt_anime.calibration.calibrator import Calibrated, Calibrator
    from trt_anime.calibration.inputs import Reading
    from trt_anime.calibration.ranges import Method
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
        before: Mapping[Path, Sequence[Path]] | None = None,
        seed: int,
        method: "Method | None",
        again: bool,
        say: Callable[[str], None],
        search: bool = True,
    ) -> None:
        """`before`: of each graph, those of its model that make its inputs, in order; `search`: as
        `Calibrator` has it.
        """
        self._before = before or {}
        self._clips = list(dict.fromkeys(clips))  # twice, the same frames would calibrate and judge
        self._seed, self._again, self._say, self._search = seed, again, say, search
        self._method: Method | None = method
        self._candidates: list[Candidate] | None = None
        self._contents: list[str] | None = None
        self._open: _Opened | None = None

    def prepare(self, graph: Path, kinds: "Iterable[tuple[str, Form]]") -> None:
        """Read a graph and draw its frames, unless all kinds of it, (precision, form), are in the store.

        Raises:
            InputError: a clip or the graph can't be read, or the frames show nothing.
            EngineError: the graph has no part named as the network, or ONNX Runtime fails on it.
        """
        if not all(self._earlier(graph, *kind) for kind in kinds):
            opened = self._opened(graph)
            if not is_written(opened.source):
                self._calibrator(opened)

    def typed(self, graph: Path, precision: str, form: Form) -> TypedGraph:
        """From the store if it was made with these settings, else calibrated and put there.

        Raises:
            InputError, EngineError: as `prepare`; or the network can't be written in this precision.
            MissingError: a library isn't installed.
            OutputError: the store can't be written.
        """
        if found := self._earlier(graph, precision, form):
            self._say(
                f"{found.record.model} {precision} for {form}: was calibrated on these frames already"
            )
            return found
        opened = self._opened(graph)
        if is_written(opened.source):
            name = typed.weights_name(self._settings(precision, form))
            frames = opened.validation
            with written(opened.source, frames, precision=precision, weights_name=name) as half:
                return self._installed(opened, half[0], precision, form, half[1])
        made = self._calibrator(opened).calibrated(precision, form=form, method=self._method)
        return self._installed(opened, made, precision, form)

    def example(self, graph: Path) -> Mapping[str, Any]:
        """Inputs of a graph, with a network in it or not, for one of the frames that it is judged on.

        Raises what `prepare` raises.
        """
        return self._opened(graph).validation[0]

    def close(self) -> None:
        """Give back what is kept of the last graph, which may be large; it is read again when needed."""
        self._open = None

    def _earlier(self, graph: Path, precision: str, form: Form) -> TypedGraph | None:
        if self._again:
            return None
        found = typed.find(_sha256_of(graph), precision=precision, form=form)
        return found if found and found.record.settings == self._settings(precision, form) else None

    def _opened(self, graph: Path) -> "_Opened":
        """One graph is kept, for its other precisions."""
        if self._open and self._open.source.path == graph:
            return self._open
        self._open = None  # frees what may be large
        source = stage_graph_from_file(graph)
        chosen, (calibration, validation) = self._frames(graph, source)
        self._open = _Opened(source, chosen.facts, calibration, validation)
        return self._open

    def _calibrator(self, opened: "_Opened") -> "Calibrator":
        """Raises EngineError: there is no network in the graph."""
        from trt_anime.calibration.calibrator import Calibrator, Source

        if opened.calibrator is None:
            graph = opened.source
            source = Source(graph.path, graph.info, _whole(graph), opened.calibration, opened.validation)
            opened.calibrator = Calibrator(source, say=self._say, search=self._search)
        return opened.calibrator

    def _frames(self, graph: Path, source: StageGraph) -> "tuple[Chosen, list[list[Mapping[str, Any]]]]":
        """The frames, and the graph's inputs for those to calibrate on and those to judge by."""
        before = [stage_graph_from_file(path) for path in self._before.get(graph, ())]
        reading = _reading([*before, source])
        if self._candidates is None:
            self._candidates = candidates(self._clips, seed=self._seed)
        chosen = chosen_frames(
            self._clips,
            self._candidates,
            lambda frame: reading.run(reading.inputs_for(frame)),
            stage=source.info.stage,
            seed=self._seed,
        )
        self._say(
            f"{source.info.model}: {len(chosen.calibration)} frames to calibrate on,"
            f" {len(chosen.validation)} others to judge by"
        )
        parts = (chosen.calibration, chosen.validation)
        return chosen, [[reading.inputs_for(frame) for frame in frames] for frames in parts]

    def _installed(
        self,
        opened: "_Opened",
        made: "Calibrated",
        precision: str,
        form: Form,
        weights: Path | None = None,
    ) -> TypedGraph:
        from trt_anime.calibration.parity import worst_png

        source = opened.source
        model = _described(made.model, source, precision)
        data = model.SerializeToString(deterministic=True)
        speeds: tuple[Speed, ...] = ()
        if form == "cpu":
            speeds = cpu_speeds(source.path, data, opened.validation[0], say=self._say)
        parity = made.comparison.parity
        in_use, why = _judged(parity.passed, form, precision, speeds)
        record = Record(
            stage=source.info.stage,
            model=source.info.model,
            precision=precision,
            form=form,
            source_sha256=source.sha256,
            graph_sha256=hashlib.sha256(data).hexdigest(),
            settings=self._settings(precision, form),
            method=made.method,
            frames=opened.facts,
            kept=made.kept,
            shares=made.shares,
            parity=parity,
            speeds=speeds,
            in_use=in_use,
            why=why,
            tools=_tools(),
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            weights_bytes=weights.stat().st_size if weights else 0,
        )
        return typed.install(record, data, worst_png(made.comparison), weights=weights)

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
        if not self._search:
            table["search"] = False
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


@dataclass(eq=False)
class _Opened:
    """A graph, what it reads for the frames to calibrate on and to judge by, and its calibrator, once it is
    needed."""

    source: StageGraph
    facts: Frames
    calibration: Sequence[Mapping[str, Any]]
    validation: Sequence[Mapping[str, Any]]
    calibrator: "Calibrator | None" = None


def _whole(source: StageGraph) -> Any:
    """With weights that lie beside it. Raises EngineError: they are too many for one graph."""
    import onnx

    if not (files := weight_files(source.model, source.path)):
        return source.model
    if sum(file.stat().st_size for file in files) > onnx.checker.MAXIMUM_PROTOBUF:
        raise EngineError(f"{source.path}: too large for one ONNX file, so its precision can't be changed")
    return onnx.load(source.path)


def _reading(graphs: Sequence[StageGraph]) -> "Reading":
    """The last of them, after the others."""
    from trt_anime.calibration.inputs import Reading
    from trt_anime.calibration.parity import run_with_onnxruntime

    readings: list[Reading] = []
    for graph in graphs:
        run = run_with_onnxruntime(graph.path)
        readings.append(Reading(graph.model, graph.info, tuple(readings), run))
    return readings[-1]


def _described(model: Any, source: StageGraph, precision: str) -> Any:
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
    best = max(speeds, key=lambda speed: speed.ratio, default=None)
    if best is None:
        return False, "whether it is faster could not be measured here"
    if best.low <= 1:
        return False, f"it is not surely faster: {best.words}"
    return True, f"near enough to FP32, and {best.words}"


def _content(clip: Path) -> str:
    """What a clip holds; of a folder, names, sizes and times. Raises InputError."""
    try:
        if clip.is_dir():
            files = sorted((path.name, path.stat()) for path in clip.iterdir())
            listing = [(name, facts.st_size, facts.st_mtime_ns) for name, facts in files]
            return hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        return sha256_of(clip)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"--frames {clip}: {reason}; give a video file or a folder of frames") from error


def _sha256_of(graph: Path) -> str:
    """Raises InputError."""
    try:
        return sha256_of(graph)
    except OSError as error:
        raise InputError(f"{graph}: can't be read ({error.strerror or error})") from error


def _tools() -> dict[str, str]:
    found = {"trt-anime": __version__}
    for name in _TOOLS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
