"""What runs of stage graphs cost, counted: writes the table that `trt-anime plan` goes by.

    python -m benchmarks.graph_costs [MODEL...]

Models that aren't named keep their lines. Weights are fetched, or random ones in the published layout made:
they don't change what is counted.
"""

import argparse
import os
from pathlib import Path

from benchmarks.sequential import HOME
from trt_anime.errors import TrtAnimeError
from trt_anime.files import write_text
from trt_anime.runtime.passes.choices import PRESETS
from trt_anime.runtime.planning.costs import Cost, lines_of
from trt_anime.runtime.planning.counting import counted, example_inputs
from trt_anime.runtime.planning.known import COSTS
from trt_anime.runtime.planning.loads import STAGES, loads_of_choices, loads_of_graphs

TABLE = Path(__file__).parents[1] / "runtime" / "planning" / "known.py"
HEIGHTS = (720, 1080)
# Counted where they are named: their weights take gigabytes to make, and minutes to read.
_LARGE = frozenset(("blip2-opt-2.7b",))
_OF_PRESETS = [load.model for choices in PRESETS.values() for load in loads_of_choices(choices, STAGES)]
MODELS = tuple(sorted({*_OF_PRESETS, "modnet", "mask2former-tiny"} - _LARGE))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graph_costs", description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument("--home", type=Path, default=HOME, help="for weights and graphs")
    given = parser.parse_args(arguments)
    os.environ["TRT_ANIME_HOME"] = str(given.home.resolve())
    costs = {(cost.model, cost.graph, cost.height): cost for cost in COSTS}
    try:
        for model in given.models:
            for key in [key for key in costs if key[0] == model]:
                del costs[key]
            costs |= {(cost.model, cost.graph, cost.height): cost for cost in _costs(model)}
            write_text(TABLE, module_of(list(costs.values())))
            print(f"{model}: counted", flush=True)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def module_of(costs: list[Cost]) -> str:
    """The Python module that holds them."""
    lines = "\n".join(lines_of(costs))
    return f'''\
"""Costs of runs of stage graphs. Written by `python -m benchmarks.graph_costs`; don't edit.

A line is a graph at a frame size: model, graph, the frame's rows, millions of bytes of weights and of the
most that a run held besides; then kinds of operators: how many, millions of operations, millions of bytes.
"""

from trt_anime.runtime.planning.costs import costs_from_lines

# fmt: off
_LINES = """
{lines}
"""  # noqa: E501
# fmt: on

COSTS = tuple(costs_from_lines(_LINES.splitlines()))
'''


def _costs(model: str) -> list[Cost]:
    from benchmarks.model_weights import bring_weights
    from trt_anime.export import catalogue, graphs

    row = catalogue.get(model)
    bring_weights(row)
    files = graphs.ensure(model)
    found: dict[tuple[str, int], Cost] = {}
    for load in loads_of_graphs(model, row.graphs):
        for height in HEIGHTS:
            inputs = example_inputs(files[load.graph], size=(height, height * 16 // 9))
            cost = counted(files[load.graph], inputs, model=model, graph=load.graph)
            found[load.graph, cost.height] = cost
            if cost.height != height:  # fixed to a size, or without a frame: it is the same at every one
                break
    return list(found.values())


if __name__ == "__main__":
    raise SystemExit(main())
