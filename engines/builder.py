"""A stage graph in, engines in the store out: typed, specialised, built, installed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import onnx

from trt_anime import __version__
from trt_anime.calibration.shares import precision_share
from trt_anime.engines import flavours, machine, store, timing_cache, worker
from trt_anime.engines.accumulation import accumulation_from_engine
from trt_anime.engines.compiler import BUILD_FLAGS, Plan
from trt_anime.engines.lint import refused_by_targets, require_none_refused
from trt_anime.engines.manifest import Manifest, Precision, Profile, Recipe
from trt_anime.engines.memo import shared
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import FlavourName, Target, targets_of
from trt_anime.engines.typed_choice import Typed, typed_for
from trt_anime.errors import EngineError, InputError
from trt_anime.files import sha256_of
from trt_anime.framing import framing_of
from trt_anime.hollow import weight_files
from trt_anime.limits import Refusal
from trt_anime.stage import StageInfo

USUAL_SIZE = 1080, 1920  # (height, width) of frames, where a graph takes any
_TYPE_OF = {"fp16": "float16", "int8": "int8", "fp8": "float8"}


@dataclass(frozen=True, eq=False)
class StageGraph:
    """A stage graph read from its file, without weights that lie beside it."""

    path: Path
    sha256: str
    info: StageInfo
    model: onnx.ModelProto


@dataclass(frozen=True)
class Built:
    """What `engine_from_graph` gives: the engine, whether it was in the store already, and sentences
    for the user.
    """

    entry: store.Entry
    cached: bool
    notices: tuple[str, ...] = ()


def stage_graph_from_file(path: Path) -> StageGraph:
    """Read a stage graph. Raises InputError if it isn't one."""
    model = onnx_from_file(path)
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return StageGraph(path, sha256, StageInfo.from_metadata(properties, source=path), model)


def onnx_from_file(path: Path) -> onnx.ModelProto:
    """Read a graph without weights that lie beside it. Raises InputError if it isn't one."""
    try:
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except Exception as error:  # protobuf's DecodeError has no public home that stays put
        raise InputError(f"{path}: not an ONNX file ({error}); run `trt-anime export`") from error


def engine_from_graph(
    graph: StageGraph,
    target: Target,
    *,
    precision: Precision,
    profile: Profile,
    on_progress: Callable[[float], None],
    force: bool = False,
) -> Built:
    """The engine of a stage graph, from the store if it is there, else built and put there.

    `on_progress` is told the share done, 0 to 1, as soon as it is clear that there is work to do.
    Two processes that want the same engine build it once: the second waits. On any exception,
    Ctrl-C included, the store is left as it was.

    Args:
        profile: what is wanted; its size may be left open, see `fitted`.
        force: build from a typed graph whose parity failed, too; the manifest says so.

    Raises:
        InputError: the graph is for frames of one size, and another is wanted.
        EngineError: the target or the library refused, parity failed, or the precision asked for would not
            be in it.
        MissingError: the graph isn't calibrated for this precision, the flavour isn't installed, or the
            target needs a GPU that isn't here.
        OutputError: the store can't be written.
    """
    flavours.require_buildable(target)
    profile = fitted(graph, profile)
    _require_buildable(graph, target, precision)
    typed = typed_for(graph.path, graph.sha256, graph.info, precision, force=force)
    recipe = recipe_of(graph, typed, target, precision=precision, profile=profile)
    if entry := store.find(recipe):
        return Built(entry, cached=True)
    with store.locked(recipe):
        if entry := store.find(recipe):
            return Built(entry, cached=True)
        on_progress(0.0)
        try:
            manifest, plan = _built(graph, typed, recipe, target, on_progress)
        except EngineError as error:
            raise EngineError(f"{graph.path.name}: {error}") from error
        notices = (*plan.notices, *_surprises(manifest))
        return Built(store.install(manifest, plan.engine), cached=False, notices=notices)


def fitted(graph: StageGraph, profile: Profile) -> Profile:
    """What was asked for, with the size of the frames that an engine of this graph takes.

    Raises InputError: the graph is for frames of one size, and another was asked for.
    """
    framing, asked = framing_of(graph.model.graph), (profile.height, profile.width)
    size = framing.size or (0, 0)
    if framing.is_free:
        size = asked if all(asked) else USUAL_SIZE
    elif framing.size and all(asked) and asked != size:
        own = f"{size[1]}x{size[0]}"
        raise InputError(
            f"{graph.path.name}: takes frames of {own} alone, as that is written into the graph, and"
            f" {profile.frame} was asked for; leave --size out, or give --size {own}: one engine serves"
            " clips of every size, whose frames are resized for it"
        )
    return replace(profile, height=size[0], width=size[1])


def _require_buildable(graph: StageGraph, target: Target, precision: Precision) -> None:
    """Before any work on it. What another precision cures shows in the typed graph: see `pinned`."""
    try:
        require_none_refused(target, _refused(graph, target.flavour, precision == "fp32")[target])
    except EngineError as error:
        raise EngineError(f"{graph.path.name}: {error}") from None


@shared(2)
def _refused(graph: StageGraph, flavour: FlavourName, is_typed: bool) -> dict[Target, list[Refusal]]:
    return refused_by_targets(graph.model, targets_of(flavour), folds=True, is_typed=is_typed)


def recipe_of(
    graph: StageGraph, typed: Typed, target: Target, *, precision: Precision, profile: Profile
) -> Recipe:
    """What the engine would be made from, on this machine as it is now."""
    return Recipe(
        stage=graph.info.stage,
        model=graph.info.model,
        graph_sha256=graph.sha256,
        typed_sha256=typed.sha256,
        precision=precision,
        profile=profile,
        target=target.name,
        flavour_version=flavours.version(target.flavour),
        system=machine.system_here(),
        build_flags=BUILD_FLAGS,
        tools=_tools(),
    )


def _built(
    graph: StageGraph, typed: Typed, recipe: Recipe, target: Target, on_progress: Callable[[float], None]
) -> tuple[Manifest, Plan]:
    profile = recipe.profile
    fixed = pinned(typed.file, typed.sha256, profile.height, profile.width, target.flavour)
    if recipe.precision != "fp32":
        _require_any({_TYPE_OF[recipe.precision]}, recipe.precision, fixed.shares)
    require_none_refused(target, fixed.refused[target])
    cache = timing_cache.file_here(target, recipe.flavour_version)
    plan = worker.plan_from_onnx(
        fixed.graph, target, profile, on_progress=on_progress, timing_cache=cache, beside=fixed.beside
    )
    if recipe.precision != "fp32":  # INT8 that a GPU type computes in FP16 isn't refused, but told
        found = plan.product_precision or plan.layer_precision or {}
        _require_any({_TYPE_OF[recipe.precision], "float16"}, recipe.precision, found)
    manifest = Manifest(
        recipe=recipe,
        info=graph.info,
        engine_sha256=hashlib.sha256(plan.engine).hexdigest(),
        size_bytes=len(plan.engine),
        build_s=round(plan.build_s, 2),
        reproducible=plan.reproducible,
        graph_precision=fixed.shares,
        layer_precision=plan.layer_precision,
        product_precision=plan.product_precision,
        attention_sums=tuple("/".join(sums) for sums in accumulation_from_engine(plan.engine).attention),
        parity=typed.parity,
        forced=typed.forced,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        built_on=machine.built_on(target),
    )
    return manifest, plan


@dataclass(frozen=True)
class Pinned:
    """A typed graph for frames of one size: serialized, and what it holds.

    Attributes:
        beside: the file that the graph was in, where weights lie beside it that aren't in `graph`.
        refused: what won't be built, by target of the flavour that was asked about.
    """

    graph: bytes
    beside: Path | None
    shares: dict[str, float]
    refused: dict[Target, list[Refusal]]


@shared(2)  # one graph is built for many targets in a row
def pinned(file: Path, sha256: str, height: int, width: int, flavour: FlavourName) -> Pinned:
    """`sha256` is the file's: another file of the same name is another graph.

    Raises EngineError: a file with its weights is gone, or a size depends on something else.
    """
    model = onnx.load(file, load_external_data=False)
    weights = weight_files(model, file)
    if gone := [path for path in weights if not path.is_file()]:
        raise EngineError(f"{gone[0]}, the weights of {file.name}, is gone; export the model again")
    model = specialised(model, height=height, width=width)
    return Pinned(
        model.SerializeToString(deterministic=True),
        file if weights else None,
        precision_share(model),
        refused_by_targets(model, targets_of(flavour), folds=False),
    )


def _require_any(kinds: set[str], precision: Precision, found: dict[str, float]) -> None:
    """Some of what was asked for must be in what was `found`; a library that lists nothing is believed."""
    if found and not kinds & found.keys():
        shares = ", ".join(f"{share:.0%} {name}" for name, share in found.items())
        raise EngineError(
            f"{precision.upper()} was asked for and none came out ({shares}); calibrate it again"
        )


def _surprises(manifest: Manifest) -> tuple[str, ...]:
    """Sentences for a user who would otherwise believe to have what was asked for."""
    recipe, found = manifest.recipe, manifest.product_precision or {}
    kind = _TYPE_OF.get(recipe.precision)
    if kind in (None, "float16") or not found or kind in found:
        return ()
    instead = max(found, key=lambda name: found[name])
    return (
        f"{recipe.model} {recipe.precision} {recipe.target}: its products are computed in {instead}, only"
        f" weights are {kind}; this GPU type gains nothing over fp16",
    )


def _tools() -> dict[str, str]:
    """What shapes the graph behind the typed one, whose hash holds everything before."""
    return {"trt-anime": __version__} | {name: metadata.version(name) for name in ("onnx", "onnxslim")}
