"""The doctor's report for people: sections of aligned facts, problems last, 80 columns."""

import textwrap
from collections.abc import Iterator
from typing import get_args

from trt_anime.cli.doctor.sections import SECTIONS
from trt_anime.runtime.doctor.facts import Finding, Report, Section, of_level

_WIDTH = 80
_LABEL = 13


def text_of(report: Report) -> str:
    """The whole report; no line is longer than 80 columns, but for paths and commands that are."""
    lines = [f"trt-anime {report.version}"]
    for section in get_args(Section):
        title, facts = SECTIONS[section]
        lines += ["", title]
        for label, value in facts(report.facts):
            lines += _wrapped(f"  {label:<{_LABEL}} ", value)
        here = [finding for finding in report.findings if finding.section == section]
        for finding in (*of_level(here, "ok"), *of_level(here, "note")):
            sentence = "; ".join(filter(None, (finding.what, finding.cure)))
            lines += _wrapped(f"  {finding.level + ':':<{_LABEL}} ", sentence)
            lines += [f"{'':<{_LABEL + 3}}$ {finding.command}"] if finding.command else []
    return "\n".join([*lines, "", *_problems(report.problems)])


def _problems(problems: tuple[Finding, ...]) -> Iterator[str]:
    if not problems:
        yield "No problem found."
        return
    yield "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    for number, finding in enumerate(problems, 1):
        yield ""
        yield from _wrapped(f"{number:>3}. ", finding.what)
        yield from _wrapped("     cure: ", finding.cure)
        if finding.command:
            yield f"     $ {finding.command}"


def _wrapped(start: str, words: str) -> list[str]:
    return textwrap.wrap(
        words,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start.rstrip()]
