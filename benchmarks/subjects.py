"""All that is measured: by which command, where its record and its page are, and which code it is of."""

from benchmarks.records import Subject

# How much of the code may change before figures are measured again. What takes hours must bear that much of
# it is tidied up; what takes seconds may be fresh. A share of functions, so that the size of a file says
# nothing, and half of a small folder is no more than half.
SECONDS, MINUTES, HOURS = 0.1, 0.2, 0.3

_CHAIN = tuple(f"runtime/{name}" for name in ("passes", "characters", "plates", "layers", "effects.py"))
_FLOW = ("runtime/process.py", "runtime/pipeline", "runtime/media")


def _own(name: str) -> str:
    return f"benchmarks/records/{name}.json"


SUBJECTS = {
    "bench": Subject(
        "make bench BENCH=--write",
        "docs/benchmarks.json",
        (
            *_FLOW,
            *(f"runtime/{name}" for name in ("sessions", "devices", "temporal", "captions")),
            *(f"export/{name}" for name in ("matte", "mask", "effects", "inpaint", "embed", "segment")),
            "benchmarks/chain",
        ),
        MINUTES,
        "docs/benchmarks.md",
        "benchmarks.bench_report:page_of",
    ),
    "models": Subject(
        "python -m benchmarks.models",
        "docs/models.json",
        ("export/{stage}", "export/check.py", "export/tracing.py", "export/writing.py"),
        HOURS,
        "docs/models.md",
        "benchmarks.models_table:document",
        entries=True,
    ),
    "planner": Subject(
        "python -m benchmarks.planner_error --write",
        "docs/planner.json",
        ("runtime/planning",),
        MINUTES,
        "docs/planner.md",
        "benchmarks.planner_error:document",
    ),
    "null_chain": Subject(
        "python -m benchmarks.null_chain --write",
        _own("null_chain"),
        ("runtime/passes", "runtime/devices/null.py", "runtime/devices/latencies.py"),
        MINUTES,
        "docs/null_chain.md",
        "benchmarks.null_chain:document",
    ),
    "synthetic_chain": Subject(
        "python -m benchmarks.synthetic_chain --write",
        _own("synthetic_chain"),
        ("runtime/passes", "runtime/temporal", "runtime/captions", "runtime/annotation"),
        MINUTES,
        "docs/synthetic_chain.md",
        "benchmarks.synthetic_chain:document",
    ),
    "chain_quality": Subject(
        "python -m benchmarks.chain_quality",
        _own("chain_quality"),
        (*_CHAIN, "runtime/lookahead", "runtime/segmentation.py"),
        MINUTES,
        "docs/quality.md",
        "benchmarks.chain_report:document",
    ),
    "matte_quality": Subject(
        "python -m benchmarks.matte_quality",
        _own("matte_quality"),
        ("export/matte", "calibration/metrics/matte.py", "benchmarks/quality_scores.py"),
        MINUTES,
        "docs/matte_quality.md",
        "benchmarks.quality_report:document",
    ),
    "mask_quality": Subject(
        "python -m benchmarks.mask_quality",
        _own("mask_quality"),
        ("export/mask", "benchmarks/mask_boxes.py"),
        MINUTES,
        "docs/mask_quality.md",
        "benchmarks.mask_quality:document",
    ),
    "fill_sizes": Subject(
        "python -m benchmarks.fill_sizes",
        _own("fill_sizes"),
        (
            "export/inpaint",
            "runtime/plates/filling.py",
            *(f"benchmarks/fill_{name}.py" for name in ("tiles", "scores")),
        ),
        MINUTES,
        "docs/fill_sizes.md",
        "benchmarks.fill_report:document",
    ),
    "precision": Subject(
        "python -m benchmarks.precision",
        _own("precision"),
        ("calibration", "engines/builder.py", "engines/specialise.py", "engines/readback.py"),
        HOURS,
        "docs/precision_tables.md",
        "benchmarks.precision_report:document",
    ),
    "held_frames": Subject(
        "python -m benchmarks.held_frames",
        _own("held_frames"),
        ("runtime/lookahead",),
        MINUTES,
        "docs/held_frames.md",
        "benchmarks.held_report:document",
    ),
    "int8_pairs": Subject(
        "python -m benchmarks.int8_pairs --write",
        _own("int8_pairs"),
        (*_FLOW, "runtime/sessions", "calibration/qdq.py"),
        MINUTES,
    ),
    "overhead": Subject("python -m benchmarks.overhead --write", _own("overhead"), _FLOW, MINUTES),
    "overlap": Subject(
        "python -m benchmarks.overlap --write",
        _own("overlap"),
        ("runtime/pipeline", "runtime/devices/host.py"),
        MINUTES,
    ),
    "endurance": Subject(
        "python -m benchmarks.endurance", _own("endurance"), (*_FLOW, "runtime/ledger"), MINUTES
    ),
    "demo": Subject("python -m benchmarks.demo --write", _own("demo"), _CHAIN, MINUTES),
    "startup": Subject(
        "python -m benchmarks.startup --write", _own("startup"), ("trt_anime/cli",), SECONDS
    ),
    "convolutions": Subject(
        "python -m benchmarks.convolutions --write",
        _own("convolutions"),
        ("runtime/winograd.py",),
        SECONDS,
    ),
    "profile": Subject(
        "python -m benchmarks.profile_docs",
        _own("profile"),
        ("runtime/profiling", *_FLOW),
        MINUTES,
    ),
    "profile_cost": Subject(
        "python -m benchmarks.profile_cost --write",
        _own("profile_cost"),
        (
            *(f"runtime/profiling/{name}.py" for name in ("run_recorder", "looking", "process_memory")),
            *(f"runtime/profiling/chain/{name}.py" for name in ("recorder", "stacks")),
            "runtime/passes/timed.py",
            "runtime/pipeline",
        ),
        MINUTES,
    ),
}
