"""Whether a graph can be built at all: asked before any work on it, of every target it is for."""

from collections.abc import Iterable, Sequence

import onnx

from trt_anime.engines.library import Library
from trt_anime.engines.targets import FlavourName, Target
from trt_anime.errors import EngineError, MissingError
from trt_anime.limits import Reads, Refusal, refused_by_each
from trt_anime.nodes import is_own

_MOST_NAMED = 3  # of nodes that a target refuses


def refused_by_targets(
    model: onnx.ModelProto, targets: Iterable[Target], *, folds: bool = True, is_typed: bool = True
) -> dict[Target, list[Refusal]]:
    """Every node of a graph that won't be built, by target, in the graph's order, with what to do about it.

    Which operators are read is asked of the library where it is installed.

    Args:
        model: a graph; its weights needn't be there.
        folds: see `limits.refused_by_each`: whether it is for frames of any size yet.
        is_typed: see there: whether it is in the precision that it is to be built in.
    """
    wanted = list(targets)
    known = {target.flavour: _reads(target.flavour) for target in wanted}
    reads = {flavour: answer for flavour, answer in known.items() if answer}
    kinds = {target: (target.flavour, target.compute_capability) for target in wanted}
    found = refused_by_each(model, kinds.values(), reads=reads, folds=folds, is_typed=is_typed)
    return {target: found[kind] for target, kind in kinds.items()}


def require_none_refused(target: Target, refused: Sequence[Refusal]) -> None:
    """Raises EngineError, which names the first nodes that `target` refuses, and counts the others."""
    if refused:
        names = "; ".join(map(str, refused[:_MOST_NAMED]))
        more = f"; and {len(refused) - _MOST_NAMED} nodes more" if len(refused) > _MOST_NAMED else ""
        raise EngineError(f"no engine for {target.name}: {names}{more}")


def _reads(flavour: FlavourName) -> Reads | None:
    """Whether the installed library's parser reads an operator; None where there is none to be asked."""
    try:
        library = Library(flavour, subject="the parser", advice={}, otherwise="")
        builder = library.asked("gave no builder", library.trt.Builder, library.log)
        network = library.asked("gave no network", builder.create_network)
        parser = library.asked("gave no parser", library.trt.OnnxParser, network, library.log)
    except (EngineError, MissingError):  # not installed, or, of TensorRT, without a GPU
        return None
    names = {schema.name for schema in onnx.defs.get_all_schemas() if is_own(schema.domain)}
    return frozenset(filter(parser.supports_operator, names)).__contains__
