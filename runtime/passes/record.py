"""`run.json` of a run over several stages."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trt_anime.files import write_text
from trt_anime.runtime.output import RECORD
from trt_anime.runtime.record import Status

SCHEMA = 3


@dataclass
class PassRecord:
    """One pass' part.

    Attributes:
        networks: what ran in it: stage, model, graph, file, library, provider, precision; how often, and
            the seconds of all runs, of which `at_once` go side by side.
        frames: of the clip, whose shots this run did; those of an earlier run are not counted.
        run_s: seconds of this run in which it worked, decoding and files included; side by side, passes add
            up to more than the run.
        networks_s: of these, how long networks ran; in the matte's pass the host works meanwhile.
    """

    name: str
    stage: str
    networks: list[dict[str, Any]] = field(default_factory=list)
    frames: int = 0
    run_s: float = 0.0
    networks_s: float = 0.0


@dataclass
class ChainRecord:
    """Everything that `run.json` says. Rates are fractions as text: ``24000/1001``.

    Attributes:
        frames: of the results.
        computed: of these, the ones that differ from the frame before.
        choices: what each stage was to use.
        device: where networks ran; ``null (...)``: nowhere, layers are made up and times predicted.
        without: by stage number, why it has no result.
        recomposition: how well the layers give the frames back; see `runtime.layers`.
        fps: frames over the time this run took.
    """

    input: dict[str, Any]
    options: dict[str, Any]
    choices: dict[str, Any]
    machine: dict[str, Any]
    started: str
    status: Status = "failed"
    error: str | None = None
    elapsed_s: float = 0.0
    frames: int = 0
    computed: int = 0
    shots: list[int] = field(default_factory=list)
    fps: float = 0.0
    device: str = ""
    passes: list[PassRecord] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    without: dict[str, str] = field(default_factory=dict)
    recomposition: dict[str, Any] | None = None
    notices: list[str] = field(default_factory=list)
    schema: int = SCHEMA

    @property
    def networks_s(self) -> float:
        """Of all passes."""
        return sum(one.networks_s for one in self.passes)

    def write(self, folder: Path) -> None:
        """Write `run.json`, whole or not at all. Raises OutputError."""
        fields = asdict(self)
        first = ("schema", "status", "error", "started", "elapsed_s", "frames", "fps")
        ordered = {name: fields.pop(name) for name in first}
        text = json.dumps(ordered | fields, indent=2, ensure_ascii=False, default=str)
        write_text(folder / RECORD, text + "\n")
