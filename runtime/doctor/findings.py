"""From facts to findings: what works, what to know, what is wrong and its cure. Nothing is looked up here.

A problem is what is missing or broken although this machine could do it. What a machine hasn't got (a GPU)
or what is fetched by itself when it is needed (a model) is a note.
"""

from collections import Counter
from collections.abc import Iterator

from trt_anime.runtime.doctor.facts import Facts, Finding
from trt_anime.runtime.doctor.gpu_findings import gpu_findings, video_findings
from trt_anime.runtime.doctor.library_findings import library_findings

LEAST_DISK_BYTES = 5_000_000_000  # a few checkpoints, graphs and engines, and room for results

# Instruction sets that multiply 8-bit integers.
_INT8 = ("VNNI", "AMX INT8", "DOTPROD", "I8MM")


def findings_of(facts: Facts) -> tuple[Finding, ...]:
    """In the order of the sections."""
    return (
        *_machine(facts),
        *gpu_findings(facts),
        *library_findings(facts),
        *video_findings(facts),
        *_models(facts),
        *_engines(facts),
    )


def _machine(facts: Facts) -> Iterator[Finding]:
    machine = facts.machine
    if machine.features is not None:
        yield from _features(machine.features, machine.system)
    elsewhere = "set TRT_ANIME_HOME to a folder"
    if not machine.home_is_writable:
        yield Finding(
            section="machine",
            level="problem",
            what=f"{machine.home} can't be written: no model, graph or engine can be kept",
            cure=f"{elsewhere} that you may write to",
        )
    if machine.disk_free_bytes is not None and machine.disk_free_bytes < LEAST_DISK_BYTES:
        yield Finding(
            section="machine",
            level="problem",
            what=f"the disk of {machine.home} has {machine.disk_free_bytes / 1e9:.1f} GB left, less than "
            f"{LEAST_DISK_BYTES / 1e9:.0f} GB",
            cure=f"free space, or {elsewhere} on a larger disk",
        )


def _features(features: tuple[str, ...], system: str) -> Iterator[Finding]:
    found = [name for name in _INT8 if name in features]
    if found:
        what = f"INT8 graphs are worth while on this CPU: it multiplies 8-bit integers ({found[0]})"
        yield Finding(section="machine", level="ok", what=what)
    else:
        what = "INT8 graphs are not worth while on this CPU: it has no VNNI"
        yield Finding(section="machine", level="note", what=what)
    if "x86" in system.lower() and "AVX2" not in features:
        what = "this CPU has no AVX2, which inference on a CPU is written for: it will be slow"
        yield Finding(section="machine", level="note", what=what)


def _models(facts: Facts) -> Iterator[Finding]:
    if facts.models and not any(model.here for model in facts.models):
        yield Finding(
            section="models",
            level="note",
            what="no model is on this machine; the first run fetches the one that it needs",
            cure="fetch one now, for instance to work without a network later",
            command="trt-anime models pull u2netp",
        )


def _engines(facts: Facts) -> Iterator[Finding]:
    count = Counter(engine.state for engine in facts.engines)
    if usable := count["usable"] + count["slower"]:
        yield Finding(section="engines", level="ok", what=f"{_engines_of(usable)} usable here")
    if count["elsewhere"]:
        targets = sorted({engine.target for engine in facts.engines if engine.state == "elsewhere"})
        what = f"{_engines_of(count['elsewhere'])} for other machines ({', '.join(targets)})"
        yield Finding(section="engines", level="note", what=what)
    for engine in facts.engines:
        if engine.state == "slower":
            yield Finding(section="engines", level="note", what=f"{engine.name} {engine.reason}")
    if count["rebuild"]:
        first = next(engine for engine in facts.engines if engine.state == "rebuild")
        yield Finding(
            section="engines",
            level="note",
            what=f"{_engines_of(count['rebuild'])} for a GPU like the one here, but not usable; "
            f"{first.name}: {first.reason}",
            cure="build again what you need",
            command="trt-anime engines build MODEL --gpu native",
        )


def _engines_of(count: int) -> str:
    return "1 engine is" if count == 1 else f"{count} engines are"
