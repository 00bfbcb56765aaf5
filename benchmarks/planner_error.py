"""How far the planner is off, where it can be looked at: on this CPU.

    python -m benchmarks.planner_error [--write]

It measures what this CPU can do at most (a matrix product, a copy), predicts each graph from that as `plan`
predicts for a GPU, then measures the graph. About 2 minutes on 2 cores that do nothing else. The whole
chain is held against the profile that `python -m benchmarks.profile_docs` has kept: run that before.
"""

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, records
from benchmarks.planner_chain import chain_found, section
from benchmarks.rembg_report import QUIET
from benchmarks.sequential import HOME
from benchmarks.subjects import SUBJECTS
from benchmarks.tables import Spread, markdown
from trt_anime.errors import TrtAnimeError

# Different mixtures: convolutions at full size, transformers, Fourier transforms, much beside the network.
MODELS = ("u2netp", "modnet", "mobile-sam", "clipseg", "migan", "dinov2-s", "clip-b32")
HEIGHT = 720
_RUNS = 5

_HEAD = """\
# How far the planner is off

*Written by `python -m benchmarks.planner_error --write` out of docs/planner.json; don't edit.*"""
LOADED = "**The machine was not quiet: don't quote these numbers.**"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planner_error",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", default=MODELS, help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument("--threads", type=int, default=2, help="cores to use [default: 2]")
    parser.add_argument("--home", type=Path, default=HOME, help="for weights and graphs")
    parser.add_argument("--write", action="store_true", help="write docs/planner.md and docs/planner.json")
    given = parser.parse_args(arguments)
    writes = records.is_to_be_kept(given, parser)
    os.environ["TRT_ANIME_HOME"] = str(given.home.resolve())
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    try:
        found = compared(given.models, threads=given.threads)
        found["chain"] = chain_found(SUBJECTS["profile"].read())
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    found["others"] = round(load.share(), 3)
    text = document(found)
    print(text)
    if writes:
        records.keep("planner", found)
    return 0


def compared(models: Sequence[str], *, threads: int) -> dict[str, Any]:
    """Predicted and measured seconds of each model's first graph. Raises what exporting it raises."""
    from benchmarks.model_weights import bring_weights
    from trt_anime.export import catalogue, graphs
    from trt_anime.runtime.planning.ceilings import measured_cpu
    from trt_anime.runtime.planning.costs import find
    from trt_anime.runtime.planning.known import COSTS
    from trt_anime.runtime.planning.loads import loads_of
    from trt_anime.runtime.planning.prediction import run_s

    rows = []
    for model in models:
        bring_weights(catalogue.get(model))
        graph = loads_of([model])[0].graph
        file = graphs.ensure(model)[graph]
        # Just before, for a machine's speed is not the same all day.
        ceiling = measured_cpu()
        predicted = run_s(
            find(COSTS, model, graph), ceiling, pixels=HEIGHT * HEIGHT * 16 / 9, precision="fp32"
        )
        rows.append(
            {
                "graph": f"{model} {graph}",
                "flops_per_s": ceiling.flops_per_s["fp32"],
                "bytes_per_s": ceiling.bytes_per_s,
                "predicted": predicted,
                "measured": _measured(file, threads),
            }
        )
        print(f"{model} {graph}: measured", flush=True)
    packages = ("trt-anime", "onnxruntime", "numpy")
    return {
        "date": machine.now(),
        "machine": machine.cpu(),
        "versions": machine.versions(packages),
        "threads": threads,
        "rows": rows,
    }


def _measured(file: Path, threads: int) -> list[float]:
    """Seconds of warm runs."""
    import time

    import onnxruntime as ort

    from trt_anime.runtime.planning.counting import example_inputs

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    inputs: Any = example_inputs(file, size=(HEIGHT, HEIGHT * 16 // 9))
    session.run(None, inputs)
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return times


def document(found: Mapping[str, Any]) -> str:
    """Markdown."""
    rows, errors = [], []
    for row in found["rows"]:
        measured = Spread.of([1000 * seconds for seconds in row["measured"]])
        error = 1000 * row["predicted"] / measured.median - 1
        errors.append(abs(100 * error))
        rows.append(
            [row["graph"], f"{1000 * row['predicted']:.0f}", measured.text(), f"{100 * error:+.0f} %"]
        )
    flops, speed = (
        statistics.median(row[name] for row in found["rows"]) / 1e9
        for name in ("flops_per_s", "bytes_per_s")
    )
    where = records.measured_on(found)
    how = (
        "`trt-anime plan` adds up, over the operators of a graph, what their arithmetic or their bytes need"
        " at least. Here the ceilings are this CPU's, measured just before each graph: in the median"
        f" {flops:.0f} GFLOP/s of a matrix product and {speed:.0f} GB/s of a copy, of which nothing is"
        f" taken off. One frame of {HEIGHT} rows, FP32, ONNX Runtime."
    )
    result = (
        f"Off by {statistics.median(errors):.0f} % in the median, by {max(errors):.0f} % at worst. On a"
        " GPU, where rates are published ones and what is reached of them is assumed, expect more: it has"
        " been compared with no GPU yet."
    )
    table = markdown(["graph", "predicted ms", "measured ms", "error"], rows)
    busy = [LOADED] if found["others"] > QUIET else []
    # A record that is older than the comparison has none.
    chain = [section(found["chain"])] if "chain" in found else []
    return "\n\n".join([_HEAD, where, *busy, how, table, result, *chain]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
