"""A stage graph in, engines in the store out: typed, specialised, built, installed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import onnx

from trt_anime import __version__
from trt_anime.calibration.fp16 import fp16_from_fp32, precision_share
from trt_anime.engines import flavours, machine, store, timing_cache, worker
from trt_anime.engines.compiler import BUILD_FLAGS, Plan
from trt_anime.engines.manifest import Manifest, Precision, Profile, Recipe
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, InputError
from trt_anime.files import sha256_of
from trt_anime.stage import StageInfo


@dataclass(frozen=True, eq=False)
class StageGraph:
    """A stage graph read from its file."""

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
    try:
        model = onnx.load(path)
        sha256 = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except Exception as error:  # protobuf's DecodeError has no public home that stays put
        raise InputError(f"{path}: not an ONNX file ({error}); run `trt-anime export`") from error
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return StageGraph(path, sha256, StageInfo.from_metadata(properties, source=path), model)


def engine_from_graph(
    graph: StageGraph,
    target: Target,
    *,
    precision: Precision,
    profile: Profile,
    on_progress: Callable[[float], None],
) -> Built:
    """The engine of a stage graph, from the store if it is there, else built and put there.

    `on_progress` is told the share done, 0 to 1, as soon as it is clear that there is work to do.
    Two processes that want the same engine build it once: the second waits. On any exception,
    Ctrl-C included, the store is left as it was.

    Raises:
        EngineError: the library refused, or there would be no FP16 in an FP16 engine.
        MissingError: the flavour isn't installed, or the target needs a GPU that isn't here.
        OutputError: the store can't be written.
    """
    flavours.require_buildable(target)
    recipe = recipe_of(graph, target, precision=precision, profile=profile)
    if entry := store.find(recipe):
        return Built(entry, cached=True)
    with store.locked(recipe):
        if entry := store.find(recipe):
            return Built(entry, cached=True)
        on_progress(0.0)
        try:
            manifest, plan = _built(graph, recipe, target, on_progress)
        except EngineError as error:
            raise EngineError(f"{graph.path.name}: {error}") from error
        return Built(store.install(manifest, plan.engine), cached=False, notices=plan.notices)


def recipe_of(graph: StageGraph, target: Target, *, precision: Precision, profile: Profile) -> Recipe:
    """What the engine would be made from, on this machine as it is now."""
    return Recipe(
        stage=graph.info.stage,
        model=graph.info.model,
        graph_sha256=graph.sha256,
        typed_sha256=graph.sha256,
        precision=precision,
        profile=profile,
        target=target.name,
        flavour_version=flavours.version(target.flavour),
        system=machine.system_here(),
        build_flags=BUILD_FLAGS,
        tools=_tools(precision),
    )


def _built(
    graph: StageGraph, recipe: Recipe, target: Target, on_progress: Callable[[float], None]
) -> tuple[Manifest, Plan]:
    profile = recipe.profile
    typed, graph_precision = _typed(graph, recipe.precision, profile.height, profile.width)
    _check_precision(recipe.precision, graph_precision)
    cache = timing_cache.file_here(target, recipe.flavour_version)
    plan = worker.plan_from_onnx(typed, target, profile, on_progress=on_progress, timing_cache=cache)
    _check_precision(recipe.precision, plan.layer_precision)
    manifest = Manifest(
        recipe=recipe,
        info=graph.info,
        engine_sha256=hashlib.sha256(plan.engine).hexdigest(),
        size_bytes=len(plan.engine),
        build_s=round(plan.build_s, 2),
        reproducible=plan.reproducible,
        graph_precision=graph_precision,
        layer_precision=plan.layer_precision,
        parity=None,
        forced=False,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        built_on=machine.built_on(target),
    )
    return manifest, plan


@lru_cache(maxsize=1)  # one graph is built for many targets in a row
def _typed(
    graph: StageGraph, precision: Precision, height: int, width: int
) -> tuple[bytes, dict[str, float]]:
    # Precision first: it goes by the names of the nodes, which folding needn't keep.
    model = fp16_from_fp32(graph.model) if precision == "fp16" else graph.model
    model = specialised(model, height=height, width=width)
    return model.SerializeToString(deterministic=True), precision_share(model)


def _check_precision(precision: Precision, found: dict[str, float] | None) -> None:
    if precision == "fp16" and found is not None and not found.get("float16"):
        shares = ", ".join(f"{share:.0%} {name}" for name, share in found.items())
        raise EngineError(f"FP16 was asked for and none came out ({shares or 'no float at all'})")


def _tools(precision: Precision) -> dict[str, str]:
    names = ["onnx", "onnxslim", *(["onnxruntime", "onnxruntime-gpu"] if precision == "fp16" else [])]
    found = {"trt-anime": __version__}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of the two packages of ONNX Runtime, one is here; what lacks says so when used
    return found
