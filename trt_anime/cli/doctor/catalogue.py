"""The state of the catalogue on this machine, which the runtime can't see."""

from typing import TYPE_CHECKING

from trt_anime.runtime.doctor.facts import ModelState

if TYPE_CHECKING:
    from trt_anime.export.catalogue import Model


def model_states() -> tuple[ModelState, ...]:
    """Every model of the catalogue; no weights are read. Raises CheckpointError: the pins can't be read."""
    from trt_anime.export.catalogue import CATALOGUE

    return tuple(_state(model) for model in CATALOGUE.values())


def graph_files() -> int:
    """Stage graphs on this machine."""
    from trt_anime import paths

    return len(list(paths.graphs().glob("*.onnx")))


def _state(model: "Model") -> ModelState:
    from trt_anime.export import graphs
    from trt_anime.export.checkpoints import records, stored

    found = stored(model).values()
    first = model.files[0]
    pinned = records.pinned(f"{model.name}/{first.filename}")
    made = graphs.existing(model) or {}
    return ModelState(
        name=model.name,
        stage=model.stage,
        here=tuple(record.format for record in found),
        own=tuple(record.format for record in found if not record.published),
        hash="published" if first.sha256 else "pinned" if pinned else "none",
        graphs=tuple(path.name for path in made.values()),
    )
