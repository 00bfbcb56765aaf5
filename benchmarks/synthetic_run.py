"""One run for `benchmarks.synthetic_chain`, in a process of its own, which can be killed.

python -m benchmarks.synthetic_run '{"clip": "film.mp4", "output": "out", ...}'
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import NONE, PRESETS, Choices
from trt_anime.runtime.passes.networks import TOKENIZER, ModelFiles
from trt_anime.runtime.passes.run import process_chain

STAGES = ("1", "2a", "2b", "2c", "3", "4")
CAPTIONS = "blip-base"


@dataclass(frozen=True)
class Job:
    """A run.

    Attributes:
        without: networks to leave out.
        killed_in: the pass in whose middle the process kills itself; empty for none.
    """

    clip: str
    output: str
    threads: int
    without: tuple[str, ...] = ()
    killed_in: str = ""
    resume: bool = False

    def words(self) -> list[str]:
        """The command line that runs it."""
        return [sys.executable, "-m", "benchmarks.synthetic_run", json.dumps(asdict(self))]


def choices(without: tuple[str, ...]) -> Choices:
    """Preset `balanced` with an effect and a captioner, but for some networks."""
    preset = PRESETS["balanced"]
    found = replace(
        preset,
        effects=replace(preset.effects, prompts=(EffectPrompt(text="glow"),)),
        annotation=replace(preset.annotation, captions=CAPTIONS),
    )
    if found.tracking.model in without:
        found = replace(found, tracking=PRESETS["fast"].tracking)
    if set(found.effects.models) & set(without):
        found = replace(found, effects=replace(found.effects, prompts=()))
    if found.plates.model in without:
        found = replace(found, plates=replace(found.plates, model=NONE))
    chosen = asdict(found.annotation)
    left: dict[str, Any] = {
        column: NONE for column in ("tags", "captions", "embeddings") if chosen[column] in without
    }
    return replace(found, annotation=replace(found.annotation, **left))


def files(model: str) -> ModelFiles:
    """With real or random weights, and with a small tokenizer where none was published with them."""
    from benchmarks.model_weights import bring_weights
    from trt_anime import paths
    from trt_anime.cli.choosing import files_of
    from trt_anime.export import catalogue

    bring_weights(catalogue.get(model))
    found = files_of(model)
    if TOKENIZER in found.companions:
        return found
    return replace(found, companions={**found.companions, TOKENIZER: small_tokenizer(paths.models())})


def small_tokenizer(folder: Path) -> Path:
    """A `tokenizer.json` of a few words; all others are unknown to it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    start, end, unknown = "<|startoftext|>", "<|endoftext|>", "[UNK]"
    words = {word: number for number, word in enumerate((unknown, "a", "glow", "girl", start, end))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, words[start]), (end, words[end])]
    )
    path = folder / "few_words.json"
    tokenizer.save(str(path))
    return path


def main() -> int:
    """Run the job that the command line holds; prints the most bytes of memory that it took."""
    values = json.loads(sys.argv[1])
    job = Job(**{**values, "without": tuple(values["without"])})
    used = choices(job.without)
    options = ProcessOptions(
        input=Path(job.clip),
        output=Path(job.output),
        stages=STAGES if used.effects.prompts else tuple(one for one in STAGES if one != "2b"),
        preset="balanced",
        device="cpu",
        threads=job.threads,
        resume=job.resume,
    )

    @contextmanager
    def track(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        seen = 0

        def advance(count: int) -> None:
            nonlocal seen
            seen += count
            if title == job.killed_in and 2 * seen >= (total or 0):
                os.kill(os.getpid(), signal.SIGKILL)

        yield advance

    process_chain(options, used, files=files, track=track)
    print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
