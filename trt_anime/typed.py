"""Typed graphs on disk: a stage graph in less than FP32, and how it came about.

    <home>/typed/<stage>-<model>-<precision>-<form>-<source>/graph.onnx
                                                             record.json
                                                             worst.png
                                                             ….weights, where the graph names it

`calibration` makes them, `engines` builds from them, `runtime` runs those for CPUs.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from trt_anime import paths
from trt_anime.errors import InputError
from trt_anime.files import output_error, sha256_of, write_together
from trt_anime.parity import Parity

SCHEMA = 1

Form = Literal["tensorrt", "cpu"]

_GRAPH, _RECORD, _PICTURE = "graph.onnx", "record.json", "worst.png"


@dataclass(frozen=True)
class Kept:
    """A node that stays in higher precision, and why."""

    node: str
    reason: str


@dataclass(frozen=True)
class Frames:
    """Which frames a calibration saw.

    Attributes:
        clips: names of the files or folders.
        calibration, validation: (clip, zero-based index) of each; parity is measured on the latter alone.
        seed: of the draw.
    """

    clips: tuple[str, ...]
    calibration: tuple[tuple[int, int], ...]
    validation: tuple[tuple[int, int], ...]
    seed: int


@dataclass(frozen=True)
class Speed:
    """Against the FP32 graph, measured in pairs.

    Attributes:
        provider: as `--provider` takes it.
        seconds, fp32_seconds: of one frame, medians.
        ratio, low, high: how many times faster, over the pairs: median, lowest, highest.
    """

    provider: str
    seconds: float
    fp32_seconds: float
    ratio: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """For a sentence."""
        spread = f"{self.low:.2f} to {self.high:.2f}"
        return f"{self.ratio:.2f} times as fast as FP32 ({spread}) with {self.provider}"


@dataclass(frozen=True)
class Record:
    """A typed graph, described.

    Attributes:
        form: how it is written: for TensorRT's builder, or for the CPU's providers.
        source_sha256: hex SHA-256 of the stage graph's file that it was made from.
        graph_sha256: hex SHA-256 of the typed graph's file.
        settings: hex SHA-256 of all that was asked for; equal settings needn't be calibrated again.
        method: that the ranges were found by; ``autocast`` for FP16, ``written`` by the exporter.
        kept: nodes in higher precision.
        shares: of the network's nodes in each precision.
        parity: against the FP32 graph, on frames that the calibration did not see.
        speeds: on this machine; empty where none was measured.
        in_use: whether it is worth using here: parity holds and, for a CPU, it is faster.
        why: the reason of `in_use`, for people.
        tools: versions of what made it, by package name.
        created: UTC, ISO 8601.
        weights_bytes: size of the file that the graph's weights lie in; 0 where they are in the graph.
    """

    stage: str
    model: str
    precision: str
    form: Form
    source_sha256: str
    graph_sha256: str
    settings: str
    method: str
    frames: Frames
    kept: tuple[Kept, ...]
    shares: dict[str, float]
    parity: Parity
    speeds: tuple[Speed, ...]
    in_use: bool
    why: str
    tools: dict[str, str]
    created: str
    weights_bytes: int = 0
    schema: int = field(default=SCHEMA)

    @property
    def fastest(self) -> Speed | None:
        return max(self.speeds, key=lambda speed: speed.ratio, default=None)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class TypedGraph:
    """A typed graph in its folder."""

    folder: Path
    record: Record

    @property
    def graph(self) -> Path:
        return self.folder / _GRAPH

    @property
    def weights(self) -> Path:
        """Where `weights_name` is, if the graph has its weights there."""
        return self.folder / weights_name(self.record.settings)

    @property
    def picture(self) -> Path:
        """The frame of `record.parity.worst_frame`: input, FP32, typed, difference."""
        return self.folder / _PICTURE


def find(source_sha256: str, *, precision: str, form: Form) -> TypedGraph | None:
    """The typed graph made from this stage graph, if there is one and its bytes are as recorded."""
    for folder in sorted(paths.typed().glob(f"*-{precision}-{form}-{source_sha256[:12]}")):
        found = _read(folder)
        if found and found.record.source_sha256 == source_sha256:
            return found if _is_whole(found) else None
    return None


def weights_name(settings: str) -> str:
    """What a graph calls the file beside it that its weights lie in: another one for other settings."""
    return f"{settings[:12]}.weights"


def install(record: Record, graph: bytes, picture: bytes, *, weights: Path | None = None) -> TypedGraph:
    """Put a typed graph in place of an earlier one of the same source, precision and form.

    `weights`, a file in `paths.typed()`, is moved beside it as `weights_name`.

    On any exception the earlier one is left as it was. Killed in the moment between two renames, neither
    is found: the record takes its place last, and another graph beside it isn't its own.

    Raises:
        OutputError: the folder can't be written.
    """
    words = (record.stage, record.model, record.precision, record.form, record.source_sha256[:12])
    folder = paths.typed() / "-".join(words)
    contents = {_GRAPH: graph, _PICTURE: picture, _RECORD: record.to_json().encode()}
    made = TypedGraph(folder, record)
    if weights:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            weights.replace(made.weights)
        except OSError as error:
            raise output_error(made.weights, error) from error
    write_together({folder / name: data for name, data in contents.items()})
    return made


def _is_whole(found: TypedGraph) -> bool:
    try:
        if found.record.weights_bytes and found.weights.stat().st_size != found.record.weights_bytes:
            return False
        return sha256_of(found.graph) == found.record.graph_sha256
    except OSError:
        return False


def _read(folder: Path) -> TypedGraph | None:
    try:
        return TypedGraph(folder, record_from_json((folder / _RECORD).read_text("utf-8"), source=folder))
    except (OSError, UnicodeDecodeError, InputError):
        return None


def record_from_json(text: str, *, source: Path) -> Record:
    """Read a record back. Raises InputError, which names `source`: not a record of this release."""
    from pydantic import TypeAdapter, ValidationError

    schema = _schema_of(text)
    if schema is not None and schema != SCHEMA:
        raise InputError(f"{source}: record version {schema}, this release reads {SCHEMA}; calibrate again")
    try:
        return TypeAdapter(Record).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{source}: not a record ({place}: {first['msg']}); calibrate again") from None


def _schema_of(text: str) -> int | None:
    """Version of the layout; looked at first, as another's fields differ too. None if it has none."""
    try:
        schema = json.loads(text)["schema"]
    except (ValueError, TypeError, KeyError):
        return None
    return schema if isinstance(schema, int) else None
