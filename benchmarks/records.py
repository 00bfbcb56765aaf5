"""Records of what was measured. A command that measures writes its own, and what is made of it.

A record is one small JSON file: figures, what they hold for, and digests of the code that they describe.
Pages and sentences are made of records alone, so nothing in them can be edited by hand unseen, and a record
tells when the code has become another than the one that was measured.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.code_path import ROOT, changed, fingerprint
from trt_anime.errors import InputError
from trt_anime.files import write_text

Content = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What one command measures.

    Attributes:
        command: measures it again.
        record: the JSON file, from the root of the checkout as all paths here.
        describes: files and folders whose code the figures are about; words in braces stand for what an
            entry says: ``export/{stage}``.
        allows: share of their functions that may be others before the figures are too old; 0..1.
        page: Markdown made of the record alone.
        renders: what makes it: ``module:function``, from content to text.
        entries: whether the record is one for each of many things, each measured by itself.
    """

    command: str
    record: str
    describes: tuple[str, ...]
    allows: float
    page: str | None = None
    renders: str | None = None
    entries: bool = False

    def read(self, root: Path = ROOT) -> Content:
        """Raises InputError: no record, or a damaged one."""
        try:
            content: Content = json.loads((root / self.record).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{self.record}: can't be read ({error}); run `{self.command}`") from error
        return content

    def text(self, content: Content) -> str:
        """The page of a record."""
        assert self.renders, "it has a page"
        module, _, function = self.renders.partition(":")
        rendered: str = getattr(import_module(module), function)(content)
        return rendered

    def code(self, content: Mapping[str, Any], root: Path = ROOT) -> dict[str, str]:
        """Digests of what it describes, as it is now. Raises InputError: a path isn't there."""
        return fingerprint([path.format_map(content) for path in self.describes], root)


def facts(command: str, packages: Sequence[str]) -> Content:
    """What every record begins with."""
    return {
        "command": command,
        "date": machine.now(),
        "machine": machine.cpu(),
        "versions": machine.versions(packages),
    }


def measured_on(content: Mapping[str, Any]) -> str:
    """The sentence that a page begins with; for records that name `threads` and `others`."""
    return (
        f"{content['date']}, {content['machine']}, {content['threads']} used. {content['versions']}. Other"
        f" programs took {100 * content['others']:.0f} % of the CPU time."
    )


def offer_writing(parser: argparse.ArgumentParser) -> None:
    """For commands whose figures other programs disturb: they keep nothing unless they are told to."""
    parser.add_argument(
        "--write", action="store_true", help="keep the figures: record, page, and what is quoted of them"
    )


def is_to_be_kept(given: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """Figures of other than the usual options are never kept. Exits with 2 where they should be."""
    if given.write and given != parser.parse_args(["--write"]):
        parser.error("--write: only figures of the usual options are kept; leave the other options out")
    return bool(given.write)


def keep(name: str, content: Mapping[str, Any], root: Path = ROOT) -> None:
    """Write the record, its page, and what is quoted of it anywhere. Raises OutputError, InputError.

    Figures that can't be made, of other records, are printed and left as they are.
    """
    from benchmarks.readme import refresh
    from benchmarks.subjects import SUBJECTS

    subject = SUBJECTS[name]
    whole = dict(content) if subject.entries else dict(content) | {"code": subject.code(content, root)}
    write_text(
        root / subject.record,
        json.dumps(whole, indent=1, allow_nan=False, sort_keys=subject.entries) + "\n",
    )
    if subject.page:
        write_text(root / subject.page, subject.text(whole))
    for words in refresh(root):
        print(f"left as it is: {words}")


def edited(subject: Subject, root: Path = ROOT) -> Iterator[str]:
    """A sentence where the page isn't what the record makes it."""
    if not subject.page:
        return
    if (root / subject.page).read_text(encoding="utf-8") != subject.text(subject.read(root)):
        yield (
            f"{subject.page}: is not what {subject.record} says;"
            f" don't edit it, run `{subject.command}` or `python -m benchmarks.readme`"
        )


def aged(subject: Subject, root: Path = ROOT) -> Iterator[str]:
    """A sentence for each measurement that is too old for the code it describes."""
    content = subject.read(root)
    for name, entry in content.items() if subject.entries else [("", content)]:
        command = f"{subject.command} {name}".strip()
        share = changed(entry.get("code", {}), subject.code(entry, root))
        if share > subject.allows:
            yield (
                f"{subject.record}{f' ({name})' if name else ''}: {share:.0%} of the functions that it"
                f" describes have changed, {subject.allows:.0%} are allowed; run `{command}` again"
            )
