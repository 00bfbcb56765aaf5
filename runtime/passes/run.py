"""One clip through several stages: checks first, then all passes, and a record in every case."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, astuple, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from trt_anime.errors import InputError, MissingError, OutputError, TrtAnimeError
from trt_anime.files import remove_unfinished, sha256_of
from trt_anime.runtime import output
from trt_anime.runtime.devices.opening import check_device
from trt_anime.runtime.ledger.identity import Identity, input_identity, versions
from trt_anime.runtime.media.frames import ClipInfo, Landmark
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes import annotate, finish
from trt_anime.runtime.passes.choices import Annotation, Choices
from trt_anime.runtime.passes.context import Context, matte_folder
from trt_anime.runtime.passes.folder import check_needs, check_place, forget, remove_work, take_up
from trt_anime.runtime.passes.lanes import Lanes, Track
from trt_anime.runtime.passes.look import look
from trt_anime.runtime.passes.networks import FilesOf, Networks, Notify
from trt_anime.runtime.passes.progress import READ, Progress
from trt_anime.runtime.passes.prompts import check_prompts
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.sources import NETWORKS
from trt_anime.runtime.passes.table import MATTE, PASSES, Pass
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.passes.watch import Watch
from trt_anime.runtime.record import ending, input_facts, machine_facts
from trt_anime.runtime.results.places import FOLDERS
from trt_anime.runtime.results.shots import Shot, read_shots, write_shots


def process_chain(
    options: ProcessOptions,
    choices: Choices,
    *,
    files: FilesOf,
    weights: Callable[[str], object] = lambda model: None,
    tools: Tools = NETWORKS,
    notify: Notify = lambda sentence: None,
    track: Track = lambda title, total: nullcontext(lambda count: None),
    watch: Watch | None = None,
) -> ChainRecord:
    """Split a clip into layers, stage by stage.

    Nothing is written before the clip, the stages' needs, the networks' files and the output folder have
    been checked. From then on `run.json` is written however the run ends, every file under its own name is
    whole, and every finished shot of every pass is kept for `resume`.

    Args:
        files: gives a model's files; fetches and exports them on first use.
        weights: fetches what `files` would; asked of all models before `files` is of any, as to export one
            takes minutes that are lost where another can't be had.
        tools: where networks come from.
        notify: takes one sentence at a time that the user should see.
        track: see `Track`.
        watch: hears of every network.

    Raises:
        InputError: the clip, a choice or the output folder can't be used; nothing was written.
        MissingError: something that the run needs isn't here; nothing was written. It names all of it.
        TrtAnimeError: the clip breaks off, a network failed or the disk is full; finished shots stay.
        KeyboardInterrupt: finished shots stay.
    """
    _check(options)
    if "4" in options.stages:
        annotate.check_files(choices.annotation)
    files = cache(files)  # to find a model's graphs its weights are hashed: once a run is enough
    with open_source(options.input, threads=options.cores, rate=options.rate) as source:
        clip, notices = source.info, list(source.notices)
    predicts = options.device == "null" and tools is NETWORKS
    if predicts:
        tools = _stand_ins(options, choices, notices)
    elif tools is NETWORKS:
        require_models(choices, options.stages, weights)
        require_models(choices, options.stages, files)
        check_prompts(choices, options.stages, files)
    output.prepare(options.output, needed_bytes=clip.width * clip.height * 16)
    record = ChainRecord(
        input=input_facts(clip),
        options=asdict(options),
        choices=asdict(choices),
        machine=machine_facts(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )

    def tell(sentence: str) -> None:
        record.notices.append(sentence)
        notify(sentence)

    with Progress.open(options.output) as progress:
        remove_unfinished(options.output)
        passes = [one for one in PASSES if set(one.stages) & set(options.stages)]
        take_up(options, passes, progress)
        for sentence in notices:
            tell(sentence)
        if predicts:  # at once: whatever becomes of this run, nobody is to take what it leaves for results
            record.device = "null"
            record.write(options.output)
        with _recorded(record, options):
            networks = Networks(
                options, size=(clip.height, clip.width), files=files, notify=tell, watch=watch
            )
            _Run(options, choices, clip, record, progress, tools, networks, tell, track).go(passes)
    return record


def require_models(choices: Choices, stages: Sequence[str], bring: Callable[[str], object]) -> None:
    """Have what every network needs here before anything is written.

    Args:
        bring: fetches or makes it for a model of that name.

    Raises:
        MissingError: some can't be had; one sentence names them all, with the command for each.
        TrtAnimeError: one is damaged.
    """
    lacks: dict[str, str] = {}
    for model, stage in choices.models(stages).items():
        try:
            bring(model)
        except TrtAnimeError as error:
            if error.exit_code == InputError.exit_code:
                raise
            reason = str(error).partition("\n")[0]  # what sources were tried is for `models pull` to say
            lacks[model] = f"stage {stage} wants {model} ({reason})"
    if lacks:
        names = " ".join(lacks)
        raise MissingError(
            f"networks that can't be had here: {', '.join(lacks.values())}; bring them with"
            f" `trt-anime models pull {names}` where their hosts can be reached, or choose others:"
            " `--preset fast` needs the fewest, `stage4.tags: none` and the like leave one out"
        )


def _check(options: ProcessOptions) -> None:
    if unknown := [stage for stage in options.stages if stage not in FOLDERS]:
        raise InputError(f"--stages {unknown[0]}: no such stage; use {', '.join(FOLDERS)}")
    check_device(options.device, latencies=options.latencies)
    finish.check_format(options.format)
    output.check(options.output, options.input, overwrite=True, resume=True)
    check_place(options.output, options.input, options.stages)
    output.check_device(options.output, options.device)
    check_needs(options.output, options.stages)


def _stand_ins(options: ProcessOptions, choices: Choices, notices: list[str]) -> Tools:
    """What stands in for networks, and in `notices` what that means.

    Raises InputError: the latencies can't be read, or say nothing of a network that would run.
    """
    from trt_anime.runtime.devices.latencies import Latencies, load_latencies
    from trt_anime.runtime.passes.stand_in import check_latencies, stand_ins

    if options.latencies is None:
        notices.append(
            "device null without --latencies: networks take no time, so this is the host's work alone; what"
            " is written is made up, and no result"
        )
        return stand_ins(Latencies())
    latencies = load_latencies(options.latencies)
    check_latencies(latencies, choices, options.stages)
    notices.append(
        f"device null: times are predicted for {latencies.gpu}, by {options.latencies}; what is written is"
        " made up, and no result"
    )
    return stand_ins(latencies)


class _Run:
    """The part of a run after all checks."""

    def __init__(
        self,
        options: ProcessOptions,
        choices: Choices,
        clip: ClipInfo,
        record: ChainRecord,
        progress: Progress,
        tools: Tools,
        networks: Networks,
        notify: Notify,
        track: Track,
    ) -> None:
        self._options, self._choices, self._record, self._progress = options, choices, record, progress
        self._networks, self._notify, self._track = networks, notify, track
        self._clip_identity = input_identity(clip) | versions() | {"held frames": _held(options)}
        if options.device == "null":
            self._clip_identity |= {"device": "null"}
        self._context = Context(
            options=options,
            choices=choices,
            stages=frozenset(options.stages),
            clip=clip,
            networks=networks,
            tools=tools,
            notify=notify,
            facts=lambda name: {shot: done.facts for shot, done in progress.done(name).items()},
        )

    def go(self, passes: list[Pass]) -> None:
        """Every pass that isn't whole, then what is made of all their results."""
        shots = self._shots()
        record = self._record
        record.frames = shots[-1].stop
        record.computed = sum(len(shot.fresh) for shot in shots)
        record.shots = [shot.start for shot in shots if not shot.continues]
        identities = self._identities(passes, shots)
        wanted = self._taken_up(passes, identities)
        reads_matte = any(MATTE in one.reads for one in wanted)
        if (
            reads_matte
            and MATTE not in identities
            and self._progress.identity(MATTE)
            and not self._left(MATTE)
        ):
            self._notify(
                "the last run's mattes are gone, as it kept none: this one goes by what layers are left of"
                " them; add 2a to --stages to have them made again"
            )
        context = replace(self._context, landmarks=self._landmarks())
        lanes = Lanes(context, record, self._progress, self._track, shots)
        lanes.go(wanted, matte=identities.get(MATTE) if reads_matte else None)
        finish.finish(self._context, record, self._track)
        remove_work(self._options.output)

    def _shots(self) -> list[Shot]:
        folder, whole = self._options.output, "look"
        identity = self._clip_identity | {"frames": str(self._options.limit or "all")}
        if whole in self._progress.names() and self._options.overwrite:
            forget(folder, self._progress, [whole])
        self._progress.check(whole, identity)
        self._progress.begin(whole, identity)
        if self._progress.is_whole(whole):
            with suppress(InputError):
                return list(read_shots(folder))
        with self._track("look", self._options.limit or self._context.clip.frames) as advance:
            shots, landmarks = look(self._options, advance)
        write_shots(folder, shots)
        film = Shot(0, 0, shots[-1].stop, (0,))
        self._progress.finish(whole, film, [], {"landmarks": [astuple(one) for one in landmarks]})
        self._progress.end(whole)
        return shots

    def _landmarks(self) -> tuple[Landmark, ...]:
        looked = self._progress.done("look").values()
        return tuple(Landmark(*row) for done in looked for row in done.facts["landmarks"])

    def _taken_up(self, passes: list[Pass], identities: dict[str, Identity]) -> list[Pass]:
        """Those with something left to do; what was made otherwise refuses before anything is computed.

        What was made of results that are others now is made again. What a transient pass made is gone once
        its readers are done, and isn't missed then.
        """
        names = [name for name in identities if not self._progress.check(name, identities[name])]
        stale = [one.name for one in passes if one.name in names]
        forget(self._options.output, self._progress, stale)
        wanted: list[Pass] = []
        for one in reversed(passes):
            if one.transient and not any(one.name in reader.reads for reader in wanted):
                continue
            flaws = self._progress.begin(one.name, identities[one.name])
            for sentence in () if one.transient else flaws:
                self._notify(sentence)
            if one.transient or not self._progress.is_whole(one.name):
                wanted.append(one)
        return wanted[::-1]

    def _identities(self, passes: list[Pass], shots: list[Shot]) -> dict[str, Identity]:
        """What decides the results of stage 2a's network and of each pass."""
        found: dict[str, Identity] = {}
        if "2a" in self._options.stages:
            found[MATTE] = self._clip_identity | self._network_hashes(("2a",))
        table = hashlib.sha256(json.dumps([asdict(shot) for shot in shots]).encode()).hexdigest()
        for one in passes:
            before = {name: found.get(name) or self._left(name) for name in one.reads}
            reads = {name: _digest(identity) for name, identity in before.items() if identity}
            identity = self._clip_identity | {
                "shots": table,
                **_flat(one.choices(self._choices)),
                **{READ + name: digest for name, digest in reads.items()},
                **self._network_hashes(one.networks),
            }
            found[one.name] = self._progress.settled(one.name, identity)
        return found

    def _left(self, name: str) -> Identity | None:
        """What decided the results that an earlier run's pass left here; None where they are gone."""
        gone = any(one.name == name and one.transient for one in PASSES)
        if name == MATTE and not matte_folder(self._options.output).is_dir():
            layers = self._progress.identity("characters") or {}
            gone = {key for key in layers if key.startswith(READ)} != {READ + MATTE}
        return None if gone else self._progress.identity(name)

    def _network_hashes(self, stages: Sequence[str]) -> Identity:
        if self._context.tools is not NETWORKS:
            return {}
        return {
            f"graph {name} of {model}": sha256_of(path)
            for model in self._choices.models(stages)
            for name, path in self._networks.files(model).graphs.items()
        }


def _held(options: ProcessOptions) -> str:
    return options.preset if options.held else "off"


def _digest(identity: Identity) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _flat(choices: Sequence[Any]) -> Identity:
    """Choices as people read them where they differ, such as ``plates.layout``; files by what they hold."""
    flat: Identity = {}
    for part in choices:
        flat |= {
            f"{type(part).__name__.lower()}.{name}": str(value) for name, value in asdict(part).items()
        }
        if isinstance(part, Annotation):
            flat |= annotate.contents_of(part)
    return flat


@contextmanager
def _recorded(record: ChainRecord, options: ProcessOptions) -> Iterator[None]:
    """Write `run.json` whether the block ends, fails or is interrupted."""
    start = time.perf_counter()
    try:
        with ending(record):
            yield
    finally:
        record.elapsed_s = round(time.perf_counter() - start, 3)
        if record.elapsed_s > 0:
            record.fps = round(record.frames / record.elapsed_s, 3)
        # A run that failed has a better sentence to show than this one's.
        with nullcontext() if record.status == "done" else suppress(OutputError):
            record.write(options.output)
