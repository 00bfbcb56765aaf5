"""What `benchmarks.models` found, as a document."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.model_export import ONE_WEIGHT
from benchmarks.tables import markdown

NONE = "\N{EN DASH}"
_TARGETS = ("rtx-sm75", "rtx-sm80", "rtx-sm86", "rtx-sm89", "rtx-sm120", "rtx-sm121")

_FAMILY = 3  # fewer are as short one by one

_HEAD = """\
# Models, measured

*Written by `python -m benchmarks.models` out of docs/models.json; don't edit.*

Every row was exported, compared, typed and built at the published size. Weights are real where a package
registry has them; all others are random ones in the layout of the published file, which prove structure,
size and time, and nothing of pictures. No GPU was here: engines were built, not run."""


def document(findings: Mapping[str, Any]) -> str:
    """Markdown."""
    models = [findings[name] for name in sorted(findings, key=lambda name: (findings[name]["stage"], name))]
    parts = [
        _HEAD,
        "## Models",
        _models(models),
        "Export: seconds until the graphs are written, and the most memory that its process held beyond"
        " what it held once it had exported a convolution of one weight, which takes PyTorch and its"
        " exporter. Compared: the same with the comparison, where first PyTorch computes and then, with its"
        " network gone, the graph. Times: of the weights' size. U²-Net small's weights are less than what"
        " any graph takes on its way, about 60 MB. What is above 2.5 with the comparison are the values of"
        " one run, without which nothing is compared: SAM's global attention alone holds 0.8 GB a layer.",
        *_with_libraries(models),
        *_machines(models),
        "## Graphs",
        "Difference: from PyTorch, over all outputs, in words of the comparison. CPU: FP32, one frame of"
        " 1280x720 (networks that follow objects: 1920x1080), ONNX Runtime, all cores, median of three: as"
        " the product runs it, but for BLIP-2, whose weights stay in their file for want of memory.",
        _graphs(models),
        "## FP16",
        "The typed graph on a CPU, every value rounded as a GPU rounds it, against FP32; the metric that is"
        " nearest to its limit. Kept: nodes in FP32, of which docs/models.json has all. Random weights were"
        " converted once; which nodes a real network must keep can't be found with them. Where FP16 is too"
        " far, the same is given of FP32 against itself, on inputs that FP16 rounded once, or pictures with"
        " one level more or less in a value of ten: as far as that, it is the network that passes nothing"
        " on steadily, not FP16.",
        _halves(models),
        "## Engines",
        "TensorRT-RTX, batch 1 to 4 where the batch is free: seconds to build / MB. Two were built at a"
        " time, so one alone takes less; CPU: seconds that a build took of all cores, with the start of its"
        " process.",
        _engines(models),
        "## Inputs and outputs",
        *_signatures(models),
    ]
    return "\n\n".join(parts) + "\n"


def _with_libraries(models: list[dict[str, Any]]) -> list[str]:
    """Which rows are from when memory was counted otherwise."""
    names = [model["model"] for model in models if model.get("beyond") != ONE_WEIGHT]
    if not names:
        return []
    return [f"Of {', '.join(names)} memory is that beyond PyTorch alone: its exporter's 0.2 GB are in it."]


def _models(models: list[dict[str, Any]]) -> str:
    rows = [
        [
            model["model"],
            model["stage"],
            model["licence"],
            "real" if model["real"] else "random",
            f"{model['checkpoint_bytes'] / 1e6:.1f}",
            f"{model['export_s']:.0f}",
            f"{model['export_memory_bytes'] / 1e6:.0f}",
            _times(model, "export_memory_bytes"),
            f"{model['comparison_memory_bytes'] / 1e6:.0f}",
            _times(model, "comparison_memory_bytes"),
            model["measured"],
        ]
        for model in models
    ]
    head = ["model", "stage", "licence", "weights", "MB", "export s", "memory MB", "times", "compared MB"]
    return markdown([*head, "times", "measured"], rows)


def _times(model: dict[str, Any], memory: str) -> str:
    """How often the weights would go into it."""
    return f"{model[memory] / model['checkpoint_bytes']:.1f}"


def _machines(models: list[dict[str, Any]]) -> Iterator[str]:
    """What was measured on what, a line for each set of versions."""
    groups: dict[str, list[str]] = {}
    for model in models:
        groups.setdefault(f"{model['on']}. {model['with']}", []).append(model["model"])
    for words, names in groups.items():
        yield f"{', '.join(names)}: {words}."


def _graphs(models: list[dict[str, Any]]) -> str:
    rows = [
        [
            name,
            f"{graph['parameters'] / 1e6:.1f}",
            graph["difference"] or (NONE if graph["parameters"] else "no weights: by its tests"),
            f"{graph['size_bytes'] / 1e6:.1f}",
            f"{1000 * graph['latency_s']:.0f}",
        ]
        for name, graph in _each(models)
    ]
    return markdown(["graph", "parameters, million", "difference", "MB", "CPU ms"], rows)


def _halves(models: list[dict[str, Any]]) -> str:
    return markdown(
        ["graph", "metric", "kept"], [[name, *_half(graph["half"])] for name, graph in _each(models)]
    )


def _half(half: dict[str, Any]) -> list[str]:
    if half["error"]:
        return [half["error"], NONE]
    words = "equal"
    if half["metric"]:
        limit = NONE if half["limit"] is None else f"{half['limit']:g}"
        words = f"{half['metric']} {half['value']:.3g} {half['unit']}".strip() + f" (limit {limit})"
    if not half["passed"]:
        words = f"**{words}, too far**"
    if half.get("unrest") is not None:
        words += f"; FP32 on nearly the same inputs: {half['unrest']:.3g}"
    names = [node.removeprefix("net/") for node in half["kept"]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [words, f"{len(names)}: {', '.join(names[:3])}{more}" if names else "none"]


def _engines(models: list[dict[str, Any]]) -> str:
    rows = []
    for name, graph in _each(models):
        built = {engine["target"]: engine for engine in graph["engines"]}
        precision = next((engine["precision"] for engine in graph["engines"]), NONE)
        cpu_s = graph.get("build_cpu_s")
        rows.append(
            [
                name,
                precision,
                *(_engine(built.get(target)) for target in _TARGETS),
                f"{cpu_s:.1f}" if cpu_s else NONE,
            ]
        )
    return markdown(["graph", "precision", *_TARGETS, "CPU s"], rows)


def _engine(engine: dict[str, Any] | None) -> str:
    if engine is None:
        return NONE
    return engine["error"] or f"{engine['build_s']:.1f} / {engine['size_bytes'] / 1e6:.1f}"


def _signatures(models: list[dict[str, Any]]) -> Iterator[str]:
    for name, graph in _each(models):
        inputs, outputs = (
            ", ".join(f"`{text}`" for text in folded(graph[key])) for key in ("inputs", "outputs")
        )
        yield f"**{name}**: {inputs} → {outputs}"


def folded(values: Sequence[str]) -> list[str]:
    """``name kind[shape]`` of each; three and more that differ in their number alone are one entry.

    It stands where the first of them did. What isn't counted without a gap stays as it is.
    """
    families: dict[tuple[str, str], list[int]] = {}
    keys = [_family(text) for text in values]
    for (stem, number), text in zip(keys, values, strict=True):
        if number is not None:
            families.setdefault((stem, _kind(text)), []).append(number)
    entries: dict[str, None] = {}
    for (stem, number), text in zip(keys, values, strict=True):
        numbers = families.get((stem, _kind(text)), []) if number is not None else []
        counted = len(numbers) >= _FAMILY and numbers == [*range(numbers[0], numbers[0] + len(numbers))]
        entries[f"{stem}{numbers[0]} … {stem}{numbers[-1]} {_kind(text)}" if counted else text] = None
    return [*entries]


def _family(text: str) -> tuple[str, int | None]:
    """A name without the number that it ends in, and that number, if there is one."""
    found = re.fullmatch(r"(.*_)(\d+)", text.partition(" ")[0])
    return (found[1], int(found[2])) if found else (text, None)


def _kind(text: str) -> str:
    return text.partition(" ")[2]


def _each(models: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model in models:
        for graph in model["graphs"]:
            alone = len(model["graphs"]) == 1
            yield (model["model"] if alone else f"{model['model']} {graph['name']}"), graph
