"""What `benchmarks.precision` found, as a document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.parity_table import table_of
from benchmarks.tables import markdown

NONE = "\N{EN DASH}"
SHOWN = 6  # of the nodes that are kept in higher precision
Row = Mapping[str, Any]


def document(content: Row) -> str:
    """The whole page of a record."""
    parts = [
        "# Precision, measured",
        f"*Written by `{content['command']}`; don't edit. {content['date']}. {content['machine']}."
        f" {content['versions']}.*",
        "What the tables mean is in [precision.md](precision.md). Frames are 1280x720. No GPU was here:"
        " typed"
        " graphs were judged on ONNX Runtime's CPU provider with every FP16 value rounded, and engines were"
        " built, not run.",
    ]
    for model in content["models"]:
        parts += [f"## {model['model']}", *_parts(model)]
    return "\n\n".join(parts) + "\n"


def _parts(model: Row) -> Iterator[str]:
    if not model["real"]:
        yield "Pseudo-random weights: its mattes mean nothing, and noise loses more than a real network."
    yield "On frames of the sample clip that calibration did not see:"
    yield table_of(model["parity"])
    if model["truth"]:
        yield "Against the generator's exact truth (`alpha_sad_change`: how much larger the error became):"
        yield table_of(model["truth"])
    yield "Typed graphs:"
    yield _graphs(model)
    yield "TensorRT-RTX engines, batch 1 to 4:"
    yield _builds(model["engines"])


def _graphs(model: Row) -> str:
    rows = [["fp32", f"{model['size_bytes'] / 1e6:.1f}", NONE, NONE, NONE, NONE]]
    for graph in model["graphs"]:
        kept, names = graph["kept"], graph["kept_first"]
        more = f" and {kept - len(names)} more" if kept > len(names) else ""
        speeds = [
            f"{speed['provider']} {speed['ratio']:.2f}× ({speed['low']:.2f}–{speed['high']:.2f})"  # noqa: RUF001
            for speed in graph["speeds"]
        ]
        rows.append(
            [
                graph["name"],
                f"{graph['size_bytes'] / 1e6:.1f}",
                graph["method"],
                _shares(graph["shares"]),
                f"{kept}: {', '.join(names)}{more}",
                "; ".join(speeds) or NONE,
            ]
        )
    head = ["graph", "MB", "ranges", "network", "kept in higher precision", "against FP32, one thread"]
    return markdown(head, rows)


def _builds(engines: Sequence[Row]) -> str:
    rows = []
    for engine in engines:
        title = [engine["precision"], engine["target"]]
        if "error" in engine:
            rows.append([*title, NONE, NONE, f"not built: {engine['error']}"])
        else:
            sizes = [f"{engine['size_bytes'] / 1e6:.1f}", f"{engine['build_s']:.1f}"]
            rows.append([*title, *sizes, _shares(engine["products"])])
    return markdown(["precision", "target", "MB", "build s", "products compute in"], rows)


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
