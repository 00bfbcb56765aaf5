"""What README and docs say of records, figure by figure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.pairs import Pair
from benchmarks.records import Content
from benchmarks.rembg_report import QUIET
from benchmarks.tables import Spread, change, markdown

Read = Callable[[str], Content]
Row = Mapping[str, Any]
TIMES = "\N{MULTIPLICATION SIGN}"
_PASSES = {
    "matte": "mattes",
    "segment": "segments",
    "track": "tracking",
    "find": "effects found",
    "plate": "plates",
    "characters": "layers",
    "annotate": "annotation",
}
_NAMES = {"u2netp": "U²-Net small", "u2net": "U²-Net", "modnet": "MODNet", "oracle": "a faultless network"}
_BASE = "FP32, ONNX Runtime"  # what INT8 is compared with
_LIBRARIES = {"onnxruntime": "ONNX Runtime", "tensorrt_rtx_cu13": "TensorRT-RTX"}


def where(read: Read) -> str:
    """When and on what: all records that are quoted."""
    from benchmarks.subjects import SUBJECTS

    facts = [found for name in SUBJECTS for found in _facts(read(name))]
    dates = sorted(date[:10] for date, _, _ in facts)
    machines = dict.fromkeys(machine for _, machine, _ in facts)
    versions = " ".join(versions for _, _, versions in facts)
    parts = [f"{dates[0]} to {dates[-1]}", *machines, "no GPU"]
    for library, title in {"Python": "Python", **_LIBRARIES}.items():
        numbers = dict.fromkeys(re.findall(rf"\b{library} ([\d.]+\d)", versions))
        parts.append(f"{title} {' and '.join(numbers)}")
    return ", ".join(parts)


def sequential(read: Read) -> str:
    start = "720p, chain of "
    [pair] = [pair for (name, _), pair in _pairs(read).items() if name.startswith(start)]
    return f"stages {pair.name.removeprefix(start)}: {_against(pair)}"


def rembg(read: Read) -> str:
    title, pairs = "character layer by u2netp, libraries, warm", _pairs(read)
    return "; ".join(
        f"{size}: {_against(pairs[f'{size}, {title}', 'rembg'])}" for size in ("720p", "1080p")
    )


def chain(read: Read) -> str:
    shots = [(film["art"], shot) for film in read("chain_quality")["films"] for shot in film["shots"]]
    again = [float(shot["recomposed_db"]) for _, shot in shots]
    pans = {art: min(_pans(shots, art)) for art in ("sprites", "procedural")}
    return (
        f"**{sum(shot['switches'] for _, shot in shots)}**; {min(again):.1f} to {max(again):.1f} dB;"
        f" {pans['sprites']:.1f} dB and more where the background is one sheet (codec included),"
        f" {pans['procedural']:.1f} with parallax"
    )


def demo(read: Read) -> str:
    record = read("demo")
    slowest = sorted(record["passes_s"].items(), key=lambda row: -row[1])
    passes = ", ".join(f"{_PASSES.get(name, name)} {seconds:.1f}" for name, seconds in slowest)
    whole = f"{record['elapsed_s']:.1f} s, {record['fps']:.2f} FPS"
    return f"{whole}; seconds: {passes}{_unless_quiet(record)}"


def make_demo(read: Read) -> str:
    record = read("demo")
    return f"{record['make_s']:.0f} s{_unless_quiet(record)}"


def profile_cost(read: Read) -> str:
    record = read("profile_cost")
    parts = []
    for device, title in (("cpu", "stage 2a"), ("chain", "all stages without networks")):
        row = record["devices"][device]["time"]
        ends = f"{100 * row['mean_low']:+.1f} and {100 * row['mean_high']:+.1f} %"
        parts.append(f"{title} {100 * row['median']:+.1f} % of a run's time (mean between {ends})")
    return "; ".join(parts) + _unless_quiet(record)


def profile(read: Read) -> str:
    from benchmarks.profile_docs import text_of

    return text_of(read("profile"), read("profile_cost"))


def planner(read: Read) -> str:
    from benchmarks.planner_error import document

    found = re.search(r"Off by (.*? % in the median), by (.*? %) at worst", document(read("planner")))
    if found is None:
        raise LookupError("its page doesn't sum up")
    return f"off by {found[1]}, {found[2]} at worst"


def null_chain(read: Read) -> str:
    from benchmarks.null_chain import document

    record = read("null_chain")
    found = re.search(r"([\d.]+ FPS measured, [\d.]+ predicted): off by (\S+ %) in the", document(record))
    if found is None:
        raise LookupError("its page doesn't sum up")
    return f"{found[1]}, off by {found[2]}{_unless_quiet(record)}"


def synthetic_chain(read: Read) -> str:
    record = read("synthetic_chain")
    first = record["runs"][0]
    differing = len(record["differ_again"]) + len(record["differ_killed"])
    same = f"{differing} files differ" if differing else "the same bytes"
    return (
        f"{first['fps']:.2f} FPS, {first['peak_bytes'] / 1e9:.1f} GB; run twice, and killed in"
        f" {len(record['killed_in'])} passes and resumed: {same}{_unless_quiet(record)}"
    )


def int8(read: Read) -> str:
    small, large = ({row["way"]: row for row in _int8(read, size)} for size in ("720p", "1080p"))
    way = "INT8, ONNX Runtime"
    ours, theirs = (small[name]["ms"]["median"] for name in (way, _BASE))
    return (
        f"{ours:.0f} against {theirs:.0f} ms a frame, {_times(small[way]['ratio'])} with ONNX Runtime;"
        f" 1080p {large[way]['ratio']['median']:.2f}{TIMES}"
    )


def int8_table(read: Read) -> str:
    record = read("int8_pairs")
    where = f"{record['date'][:10]}, {record['machine']}, {record['versions']}"
    sizes = record["sizes"]
    head = [f"{size}, {one['frames']} frames, {one['rounds']} rounds" for size, one in sizes.items()]
    ways = dict.fromkeys(row["way"] for one in sizes.values() for row in one["rows"])
    rows = [[way, *(_int8_cell(read, size, way) for size in sizes)] for way in ways]
    return f"{where}; milliseconds a frame:\n\n{markdown(['', *head], rows)}"


def openvino(read: Read) -> str:
    graphs = {graph["name"]: graph for graph in _typed(read, "u2netp")["graphs"]}
    speeds = {speed["provider"]: speed["ratio"] for speed in graphs["int8 for CPUs"]["speeds"]}
    return f"{speeds['openvino']:.2f}"


def modnet_int8(read: Read) -> str:
    """How far MODNet in INT8 is from FP32 on the generator's frames."""
    rows = [row for name, row in _typed(read, "modnet")["truth"].items() if name.startswith("int8")]
    found = [metric for row in rows for metric in row["metrics"] if metric["name"] == "alpha_sad"]
    values = sorted(metric["value"] for metric in found)
    return f"{values[0]:.1f} to {values[-1]:.1f} % from FP32 where {found[0]['limit']:g} is allowed"


def overhead(read: Read) -> str:
    record = read("overhead")
    speeds = {name: Spread(**spread) for name, spread in record["fps"].items()}
    cpu = {name: f"{ms:.1f} ms of CPU a frame" for name, ms in record["cpu_ms"].items()}
    return "; ".join(
        f"{name} layers **{speed.median:.0f} FPS** ({_ends(speed, 0)}), {cpu[name]}"
        for name, speed in speeds.items()
    )


def overhead_parts(read: Read) -> str:
    record = read("overhead")
    rows = [[part, f"{ms:.1f}"] for part, ms in record["parts_ms"].items()]
    rows.append(["all together, drawn", f"{record['cpu_ms']['drawn']:.1f}"])
    return markdown(["part", "CPU ms a 1080p frame"], rows)


def overlap(read: Read) -> str:
    return "; ".join(
        f"parts of {row['part_ms']:g} ms: {row['overlapped_ms']:.2f} ms a frame against"
        f" {row['serial_ms']:.2f} one after another, {_times(row['ratio'])},"
        f" {100 * row['above']['median']:.1f} % above the slowest part"
        for row in read("overlap")["rows"]
    )


def soak(read: Read) -> str:
    soaked = read("endurance")["soak"]
    growth = ", ".join(f"{row['growth']:+.1%} ({device})" for device, row in soaked.items())
    return f"{growth}; {sum(row['left'] for row in soaked.values()) or 'no'} threads or file handles left"


def kills(read: Read) -> str:
    killed = read("endurance")["kills"]
    return f"{killed} of {killed} with the same bytes as an undisturbed run"


def held(read: Read) -> str:
    costs = read("held_frames")["costs"].values()
    return f"{max(cost['mean'] for cost in costs):.1f} ms"


def matte(read: Read) -> str:
    from benchmarks.quality_report import METRICS, Quality, losses, summary

    quality = Quality.of(read("matte_quality"))
    lost = losses(quality)
    changes = [
        f"{change(*summary(quality, model)[METRICS['composite']])} ({title})"
        for model, title in _NAMES.items()
    ]
    others = "; ".join(lost) if lost else "SAD, MSE, gradient, connectivity and flicker fall too"
    return f"error {', '.join(changes)}; {others}"


def parity(read: Read) -> str:
    """Of graphs with real weights that give pictures."""
    differences = {
        f"{name} {graph['name']}": graph["difference"]
        for name, model in read("models").items()
        for graph in model["graphs"]
        if model["real"] and graph["difference"].endswith("of 255")
    }
    found = [re.findall(r"(?:max|p99) ([\d.e+-]+)", words) for words in differences.values()]
    largest, p99 = (max(map(float, values)) for values in zip(*found, strict=True))
    return f"{', '.join(differences)}: largest difference {largest:g} of 255, p99 {p99:g}"


def startup(read: Read) -> str:
    record = read("startup")
    spread = record["help_s"]
    return f"{spread['low']:.2f} to {spread['high']:.2f} s{_unless_quiet(record)}"


def convolutions(read: Read) -> str:
    record = read("convolutions")
    rows = [
        [
            row["name"],
            TIMES.join(map(str, row["shape"])),
            Spread(**row["theirs_ms"]).text(),
            Spread(**row["ours_ms"]).text(),
            f"**{Spread(**row['ratio']).text(2)}**",
        ]
        for row in record["convolutions"]
    ]
    head = ["convolution", "channels in, out, height, width", "direct, ms", "here, ms", "times as fast"]
    return f"{_unless_quiet(record).strip()}\n{markdown(head, rows)}\n"


FIGURES: dict[str, Callable[[Read], str]] = {
    "where": where,
    "sequential": sequential,
    "rembg": rembg,
    "chain": chain,
    "demo": demo,
    "make-demo": make_demo,
    "profile": profile,
    "profile-cost": profile_cost,
    "planner": planner,
    "null-chain": null_chain,
    "synthetic-chain": synthetic_chain,
    "int8": int8,
    "int8-table": int8_table,
    "openvino": openvino,
    "modnet-int8": modnet_int8,
    "overhead": overhead,
    "overhead-parts": overhead_parts,
    "overlap": overlap,
    "soak": soak,
    "kills": kills,
    "held": held,
    "matte": matte,
    "parity": parity,
    "startup": startup,
    "convolutions": convolutions,
}


def _facts(content: Content) -> Iterator[tuple[str, str, str]]:
    """Date, machine, versions; of each entry where each was measured by itself."""
    facts = content.get("facts", content)
    if "date" in facts:
        yield facts["date"], facts["machine"], facts["versions"]
    else:
        yield from ((entry["measured"], entry["on"], entry["with"]) for entry in content.values())


def _unless_quiet(record: Row) -> str:
    return " (**the machine was not quiet**)" if record.get("others", 0) > QUIET else ""


def _pairs(read: Read) -> dict[tuple[str, str], Pair]:
    from benchmarks.bench_report import Bench, pairs_of

    return {(pair.name, pair.other): pair for pair in pairs_of(Bench.of(read("bench")))}


def _against(pair: Pair) -> str:
    ours, theirs = Spread.of(pair.ours).median, Spread.of(pair.theirs).median
    return f"{ours:.0f} against {theirs:.0f} ms a frame, {_times(vars(pair.ratio))}"


def _times(ratio: Row) -> str:
    """How many, in bold, from the least to the most."""
    return f"**{ratio['median']:.2f}{TIMES}** ({_ends(Spread(**ratio), 2)})"


def _ends(spread: Spread, digits: int) -> str:
    return f"{spread.low:.{digits}f}\N{EN DASH}{spread.high:.{digits}f}"


def _pans(shots: list[tuple[str, Row]], art: str) -> Iterator[float]:
    return (float(shot["visible_db"]) for one, shot in shots if (one, shot["name"]) == (art, "enter"))


def _int8(read: Read, size: str) -> list[Row]:
    rows: list[Row] = read("int8_pairs")["sizes"][size]["rows"]
    return rows


def _int8_cell(read: Read, size: str, way: str) -> str:
    found = next((row for row in _int8(read, size) if row["way"] == way), None)
    if found is None:
        return "\N{EN DASH}"
    times = "" if way == _BASE else f", {_times(found['ratio'])}"
    return Spread(**found["ms"]).text() + times


def _typed(read: Read, model: str) -> Row:
    found: Row = next(one for one in read("precision")["models"] if one["model"] == model)
    return found
