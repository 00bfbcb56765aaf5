"""An engine built once more, to see whether it is what its manifest says it is made from."""

import hashlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from trt_anime import __version__, paths
from trt_anime.engines import flavours, machine, worker
from trt_anime.engines.builder import pinned
from trt_anime.engines.compiler import BUILD_FLAGS
from trt_anime.engines.manifest import Manifest
from trt_anime.engines.preflight import capability_of, flavour_of
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import Target
from trt_anime.errors import MissingError
from trt_anime.files import sha256_of


def is_rebuilt_equal(entry: Entry, *, on_progress: Callable[[float], None]) -> bool:
    """Whether building an engine again gives its bytes. The store is left unchanged.

    Raises:
        MissingError: it can't be known here: equal bytes were never promised, another version of a tool
            is installed, or the graph is no longer here.
        EngineError: it can't be built any more.
    """
    manifest, recipe = entry.manifest, entry.manifest.recipe
    _require_comparable(manifest)
    target = Target(flavour_of(recipe), capability_of(recipe))
    flavours.require_buildable(target)
    profile = recipe.profile
    file = graph_file(recipe.typed_sha256)
    fixed = pinned(file, recipe.typed_sha256, profile.height, profile.width, target.flavour)
    plan = worker.plan_from_onnx(fixed.graph, target, profile, on_progress=on_progress, beside=fixed.beside)
    return hashlib.sha256(plan.engine).hexdigest() == manifest.engine_sha256


def _require_comparable(manifest: Manifest) -> None:
    recipe = manifest.recipe
    if not manifest.reproducible or flavour_of(recipe) != "rtx":
        raise MissingError("equal bytes were not promised when it was built")
    here = {flavours.FLAVOURS["rtx"].title: flavours.version("rtx"), "system": machine.system_here()}
    then = {flavours.FLAVOURS["rtx"].title: recipe.flavour_version, "system": recipe.system}
    here |= {tool: _version(tool) for tool in recipe.tools}
    then |= recipe.tools
    for name, version in then.items():
        if here[name] != version:
            raise MissingError(f"it was built with {name} {version}, and here is {here[name] or 'none'}")
    if recipe.build_flags != BUILD_FLAGS:
        raise MissingError("it was built with other flags than this release sets")


def _version(tool: str) -> str:
    if tool == "trt-anime":
        return __version__
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        return ""


def graph_file(sha256: str) -> Path:
    """The stage graph or typed graph with this hash. Raises MissingError: none here has it."""
    for folder in (paths.typed(), paths.graphs()):
        for file in sorted(folder.rglob("*.onnx")):
            if sha256_of(file) == sha256:
                return file
    raise MissingError(f"the graph that it was built from is not in {paths.home()} any more")
