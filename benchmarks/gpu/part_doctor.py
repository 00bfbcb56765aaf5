"""What `trt-anime doctor` says: a part that was skipped has its reason here."""

from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.running import Context, Step


def steps(context: Context) -> list[Step]:
    return [Step("doctor", examined)]


def examined() -> Seen:
    """What it finds wrong is a finding; that it can say so is what passes here."""
    from trt_anime.cli.doctor.catalogue import graph_files, model_states
    from trt_anime.runtime.doctor.examine import examine

    report = examine(models=model_states, graph_files=graph_files)
    rows = [
        (found.section, found.level, found.what, found.command or found.cure)
        for found in report.findings
        if found.level != "ok"
    ]
    words = f"{len(report.problems)} problems, {len(rows) - len(report.problems)} notes"
    table = Table(
        "What `trt-anime doctor` says", "Without what is well.", ("about", "level", "what", "cure"), rows
    )
    return Seen(words, (table,) if rows else ())
