"""What a stage graph says of itself, in its ONNX `metadata_props`.

`export` writes it, `engines` copies it into manifests, `runtime` reads it. Nobody needs to
import `export` to know what a graph is.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError

SCHEMA = 1

# Nodes of the network have names that begin so; what is typed to less than FP32 is told by it.
NETWORK = "net/"

# The input, int64 [2], that says the frame's height and width where no frame goes in.
SIZE = "size"

# In the names of nodes that compute positions in pixels: FP16 would round those to whole pixels and worse.
COORDINATES = "/coordinates/"
_PREFIX = "trt_anime."


@dataclass(frozen=True)
class StageInfo:
    """Self-description of a stage graph.

    Attributes:
        stage: stage name, such as ``matte``.
        model: catalogue name of the network, such as ``u2netp``.
        checkpoint_sha256: hex SHA-256 of the weights file.
        licence: SPDX identifier of the weights.
        size_rule: how a frame becomes the network's input, in words for people.
        output_ranges: per output, the (lowest, highest) value that can occur.
        labels: class names by index, for stages that classify.
        network_size: (height, width) in pixels that the network sees; None where it depends on the frame.
        precision: what the network computes in: ``fp32``, or what `calibration` typed it to.
        lowerings: how operators with a choice were written, such as
            ``{"deformable_attention": "gather"}``.
        task: of stages whose networks do one of several, which: ``panoptic``, ``instance``, ``semantic``.
        things: of the labels, how many come first that name things which can be counted.
        capacity: dimensions of inputs, other than batch, height and width, that a session may choose and an
            engine fixes: their name, and to which length, such as ``{"prompts": 8}``.
    """

    stage: str
    model: str
    checkpoint_sha256: str
    licence: str
    size_rule: str
    output_ranges: dict[str, tuple[float, float]]
    labels: tuple[str, ...] = ()
    network_size: tuple[int, int] | None = None
    precision: str = "fp32"
    lowerings: dict[str, str] = field(default_factory=dict)
    task: str = ""
    things: int = 0
    capacity: dict[str, int] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """As ONNX metadata: string keys, JSON values."""
        fields = {"schema": SCHEMA, **asdict(self)}
        return {_PREFIX + name: json.dumps(value) for name, value in fields.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, source: Path) -> "StageInfo":
        """Read it back; `source` only names the file in errors.

        Raises:
            InputError: the file isn't a stage graph, is damaged, or a newer release wrote it.
        """
        fields = {
            key.removeprefix(_PREFIX): value for key, value in metadata.items() if key.startswith(_PREFIX)
        }
        schema = fields.pop("schema", None)
        if schema != str(SCHEMA):
            found = "no description of itself" if schema is None else f"description version {schema}"
            raise InputError(
                f"{source}: not a stage graph of this release ({found}); run `trt-anime export`"
            )
        try:
            values: dict[str, Any] = {name: json.loads(value) for name, value in fields.items()}
            ranges = values["output_ranges"].items()
            values["output_ranges"] = {name: (low, high) for name, (low, high) in ranges}
            values["labels"] = tuple(values["labels"])
            if values.get("network_size") is not None:  # graphs that are older than the field lack it
                height, width = values["network_size"]
                values["network_size"] = (int(height), int(width))
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{source}: its description of itself is damaged ({error}); run `trt-anime export`"
            ) from error
