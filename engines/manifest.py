"""What is known about an engine: the file that lies beside it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from trt_anime.errors import InputError
from trt_anime.parity import Parity
from trt_anime.stage import StageInfo

SCHEMA = 2

Precision = Literal["fp32", "fp16", "int8", "fp8"]


@dataclass(frozen=True)
class Profile:
    """Shapes that an engine takes: one frame size in pixels, a range of batch sizes.

    Attributes:
        height, width: 0 in an engine that sees no frames, such as one of a text encoder; 0 in an order,
            too, for what is usual.
    """

    height: int
    width: int
    max_batch: int
    min_batch: int = 1
    opt_batch: int = 1

    @property
    def frame(self) -> str:
        """Such as ``1920x1080``; ``any`` where no frames are seen."""
        return f"{self.width}x{self.height}" if self.height else "any"

    def takes(self, height: int, width: int) -> bool:
        """Whether it is for frames of this size."""
        return not self.height or (height, width) == (self.height, self.width)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an engine computes, and how fast.

    Attributes:
        stage: stage name, such as ``matte``.
        model: catalogue name of the network.
        graph_sha256: hex SHA-256 of the stage graph's file (FP32).
        typed_sha256: hex SHA-256 of the typed graph's file; `graph_sha256` again for FP32.
        precision: as asked; what was found is in the manifest.
        profile: shapes.
        target: such as ``rtx-sm89``.
        flavour_version: of TensorRT or TensorRT-RTX.
        system: operating system and processor that the engine was built on, and runs on.
        build_flags: how the builder was configured.
        tools: versions of what shaped the graph on its way, by package name.
    """

    stage: str
    model: str
    graph_sha256: str
    typed_sha256: str
    precision: Precision
    profile: Profile
    target: str
    flavour_version: str
    system: str
    build_flags: tuple[str, ...]
    tools: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """An engine, described.

    Attributes:
        recipe: what it was made from.
        info: what the stage graph says of itself; the runtime reads it here.
        engine_sha256: hex SHA-256 of the engine's file.
        size_bytes: of the engine's file.
        build_s: seconds the builder took.
        reproducible: whether building this recipe again on this machine gives the same bytes.
        graph_precision: share of the typed graph's floating-point nodes per type, such as
            ``{"float16": 0.9, "float32": 0.1}``. The network is strongly typed, so this is what the
            builder was bound to.
        layer_precision: share of the compiled layers per output type, as the builder itself listed
            them; None if this flavour lists none. Layers are fused: the shares differ from the graph's.
        product_precision: share of the layers that multiply per type that they compute in; None if not
            listed.
        attention_sums: per fused attention, what it adds up q kᵀ and the product with v in, such as
            ``"fp32/fp32"``; empty where the engine has none or doesn't say.
        parity: of the typed graph, against the FP32 graph; None for FP32 itself.
        forced: whether it was installed although `parity` had failed, or kept although `engine_parity` had.
        created: when it was built, UTC, ISO 8601.
        built_on: GPU and driver on which TensorRT chose its kernels; None for TensorRT-RTX, which chooses
            on the GPU that runs them.
        engine_parity: of the engine itself on a GPU, against the FP32 graph; None until it was measured.
        seconds_per_frame: that it takes on that GPU, without copies; None until it was measured.
        measured_on: GPU and driver on which these two were measured.
        schema: version of this file's layout.
    """

    recipe: Recipe
    info: StageInfo
    engine_sha256: str
    size_bytes: int
    build_s: float
    reproducible: bool
    graph_precision: dict[str, float]
    layer_precision: dict[str, float] | None
    product_precision: dict[str, float] | None
    attention_sums: tuple[str, ...]
    parity: Parity | None
    forced: bool
    created: str
    built_on: str | None = None
    engine_parity: Parity | None = None
    seconds_per_frame: float | None = None
    measured_on: str | None = None
    schema: int = field(default=SCHEMA)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def manifest_from_json(text: str, *, source: Path) -> Manifest:
    """Read a manifest back; `source` only names the file in errors.

    Raises:
        InputError: a manifest of another release, or none: a field is missing, unknown or of a wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    schema = _schema_of(text)
    if schema is not None and schema != SCHEMA:
        age = "an older" if schema < SCHEMA else "a newer"
        raise InputError(
            f"{source}: of {age} release (manifest version {schema}, this one reads {SCHEMA}); build again"
        )
    try:
        return TypeAdapter(Manifest).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{source}: not an engine's manifest ({place}: {first['msg']}); build again"
        ) from None


def _schema_of(text: str) -> int | None:
    """Version of the layout; looked at first, as another's fields differ too. None if it has none."""
    try:
        schema = json.loads(text)["schema"]
    except (ValueError, TypeError, KeyError):
        return None
    return schema if isinstance(schema, int) else None
