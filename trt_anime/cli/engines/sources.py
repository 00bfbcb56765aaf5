"""The stage graphs that a command is about: of named models, of all models here, or one file."""

from dataclasses import dataclass
from pathlib import Path

from trt_anime.cli.chosen import models_here
from trt_anime.errors import InputError, TrtAnimeError


@dataclass(frozen=True, eq=False)
class Source:
    """A stage graph of a model, or the `error` because of which it has none.

    Attributes:
        title: name of the model, and of the graph where the model has several.
        before: the model's graphs that make inputs of this one, in order.
    """

    title: str
    graph: Path | None = None
    error: TrtAnimeError | None = None
    before: tuple[Path, ...] = ()


def sources(models: list[str], *, everything: bool, graph: Path | None) -> list[Source]:
    """Graphs that lack are made, and weights fetched; a model for which that fails doesn't stop the others.

    Raises:
        InputError: not exactly one of the three was given, a model is unknown, `graph` isn't a stage graph.
        MissingError: `everything`, and no model's weights are here.
    """
    if (bool(models), everything, graph is not None).count(True) != 1:
        raise InputError(
            "Name the models to build (`trt-anime models list`), give --all, or --graph FILE; not both"
        )
    if graph:
        from trt_anime.engines.builder import stage_graph_from_file

        return [Source(stage_graph_from_file(graph).info.model, graph)]
    from trt_anime.export import catalogue

    names = models_here("--all") if everything else list(dict.fromkeys(models))
    for name in names:
        catalogue.get(name)  # a slip of the pen shows before the first download
    return [source for name in names for source in _of_model(name)]


def _of_model(model: str) -> list[Source]:
    from trt_anime.cli.models import console_report
    from trt_anime.export import graphs

    try:
        found = graphs.ensure(model, report=console_report())
    except TrtAnimeError as error:
        return [Source(model, error=error)]
    paths = tuple(found.values())
    titles = [f"{model} {name}" for name in found] if len(found) > 1 else [model]
    return [
        Source(title, path, before=paths[:number])
        for number, (title, path) in enumerate(zip(titles, paths, strict=True))
    ]
