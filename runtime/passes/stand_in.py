"""Tools that stand in for networks on `--device null`: they wait as long as the networks would, and make up
answers that give the host as much to do as real ones. What comes of it is a time, never a result."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime import made_up
from trt_anime.runtime.annotation.networks import PictureEncoder, TextEncoder, unit
from trt_anime.runtime.annotation.tools import Tools as Annotator
from trt_anime.runtime.annotation.vocabulary import VOCABULARY, read_vocabulary
from trt_anime.runtime.characters.found import SOLID, Found, Frame, Ids, Matte, found_of
from trt_anime.runtime.characters.parts import matte_parts
from trt_anime.runtime.characters.prompted import BoxMasks
from trt_anime.runtime.characters.propagation import Followed, Propagator
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.characters.propagators.sam import SamPropagator
from trt_anime.runtime.characters.segmenters.matte import MatteSegmenter
from trt_anime.runtime.characters.segmenters.sam import SamSegmenter
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.effects import Heat, prompt_heat
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.choices import NONE, Choices
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.counting import Used
from trt_anime.runtime.passes.finders import Finder
from trt_anime.runtime.passes.graphs import USUAL, GraphUse, graphs_of
from trt_anime.runtime.passes.matte import matte
from trt_anime.runtime.passes.segment import Segment
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.plates.filling import Fill, fill_simple
from trt_anime.runtime.sessions.api import Origin
from trt_anime.runtime.text.embeddings import Vectors
from trt_anime.runtime.text.tokenizer import Tokenizer

_REPLAYED = Origin(None, "", "none", "replay", "none")
_DIMENSIONS = 512  # of a made-up vector

Arrays = dict[str, NDArray[Any]]


def stand_ins(latencies: Latencies) -> Tools:
    """For `process_chain`, on device null."""
    return _StandIns(latencies).tools()


def check_latencies(latencies: Latencies, choices: Choices, stages: Collection[str]) -> None:
    """Raises InputError: the file says nothing of a network that these stages run for frames."""
    known = latencies.graph_s
    lacking = [
        f"{use.stage} {use.model} {use.graph}"
        for use in graphs_of(choices, stages)
        if not use.once and known(use.stage, use.model, use.graph, leads=False) is None
    ]
    if lacking:
        raise InputError(
            f"{latencies.source}: says nothing of {', '.join(lacking)}; add them to seconds_per_run"
            " (a stage as a whole too; 0 where it is to take no time), or name --stages without them"
        )


class _Waits:
    """Networks of one stage, as long as a pass has them open; what they took goes into the run's record."""

    def __init__(self, context: Context, latencies: Latencies, stage: str) -> None:
        self._latencies = latencies
        self._uses = [use for use in graphs_of(context.choices, [stage]) if use.stage == stage]
        self._used = {
            (use.model, use.graph): Used(stage, use.model, use.graph, _REPLAYED) for use in self._uses
        }
        context.networks.used += self._used.values()
        context.networks.note_device(f"null ({latencies.gpu})")

    @contextmanager
    def running(self, graph: str, frame: Pixels | None = None, *, model: str = "") -> Iterator[None]:
        """The block makes up the answer meanwhile; returns when the network would have answered.

        Args:
            frame: what is copied to the device for it.
            model: where two of the stage's networks have a graph of this name.
        """
        start = time.perf_counter()
        yield
        use = next(one for one in self._uses if one.graph == graph and model in ("", one.model))
        copied = 0 if frame is None else frame.nbytes
        end = start + self._seconds(use) + self._latencies.copy_s(copied, "in")
        while (left := end - time.perf_counter()) > 0:
            time.sleep(left)
        self._used[use.model, use.graph].note(time.perf_counter() - start)

    def run(self, graph: str, *, model: str = "") -> None:
        """Without an answer that anybody needs."""
        with self.running(graph, model=model):
            pass

    def _seconds(self, use: GraphUse) -> float:
        leads = use == self._uses[0]
        seconds = self._latencies.graph_s(use.stage, use.model, use.graph, leads=leads)
        return seconds or 0.0  # once a film: texts are kept from film to film


class _BoxAnswers:
    """The two graphs of a SAM: what it draws in a box is the matte there, or all of the box."""

    def __init__(self, waits: _Waits) -> None:
        self._waits = waits
        self.matte: Matte | None = None

    def image(self, inputs: Any) -> Arrays:
        with self._waits.running("image", inputs["frame"]):
            return {}

    def mask(self, inputs: Any) -> Arrays:
        with self._waits.running("mask"):
            height, width = (int(side) for side in inputs["size"])
            left, top, right, bottom = (round(float(edge)) for edge in inputs["boxes"][0, 0])
            mask = np.zeros((height, width), np.uint8)
            inside = slice(max(top, 0), bottom), slice(max(left, 0), right)
            mask[inside] = 255 if self.matte is None else self.matte[inside]
            return {"mask": mask[None, None], "quality": np.ones((1, 1), np.float32)}

    def masks(self) -> BoxMasks:
        return BoxMasks(self.image, self.mask)


class _Asking:
    """A propagator by SAM, which is shown each frame's matte before."""

    def __init__(self, answers: _BoxAnswers) -> None:
        self._answers = answers
        self._inner = SamPropagator(answers.masks())
        self.most = self._inner.most

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self._inner.start(frame, ids, matte)

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        self._answers.matte = matte
        return self._inner.step(frame, matte)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self._inner.add(frame, ids, matte)


class _Remembering:
    """A propagator with a memory: parts of the matte keep the id that most of their pixels had.

    Args:
        given: graphs that run when masks are given. found: when they are looked for. kept: each time that a
            frame is remembered, `every` frames.
    """

    most = 8

    def __init__(
        self, waits: _Waits, given: Sequence[str], found: Sequence[str], kept: Sequence[str], every: int
    ) -> None:
        self._waits, self._given, self._found, self._kept = waits, given, found, kept
        self._every, self._frames = every, 0
        self._ids: Ids = np.zeros((0, 0), np.uint8)

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self._frames = 0
        self.add(frame, ids, matte)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        for graph in self._given:
            self._waits.run(graph)
        self._ids = ids

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        first, *others = self._found
        with self._waits.running(first, frame):
            if matte is not None:
                self._ids = _carried(self._ids, matte)
        self._frames += 1
        for graph in (*others, *(self._kept if self._frames % self._every == 0 else ())):
            self._waits.run(graph)
        return Followed(self._ids, 1.0)


class _Lights:
    """A finder: a soft light for each prompt."""

    def __init__(self, context: Context, waits: _Waits) -> None:
        self._effects, self._waits = context.choices.effects, waits

    def heat(self, index: int, rgb: Pixels) -> dict[str, Heat]:
        """See `Finder.heat`."""
        prompts = self._effects.prompts
        with self._waits.running("effects" if self._effects.method == "clipseg" else "detect", rgb):
            size = (rgb.shape[0], rgb.shape[1])
            planes = np.stack([made_up.glow_of(index + 16 * turn, size) for turn in range(len(prompts))])
        if self._effects.method == "grounded-sam":
            self._waits.run("image")
            for _ in prompts:
                self._waits.run("mask")
        return prompt_heat(planes, prompts)


class _Texts(TextEncoder):
    """Vectors of phrases that nobody keeps."""

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """See `TextEncoder.vectors`."""
        return _vectors(len(texts))


class _StandIns:
    def __init__(self, latencies: Latencies) -> None:
        self._latencies = latencies

    def tools(self) -> Tools:
        return Tools(
            matte=matte,  # its device is the null one, which makes up what comes out
            segmenter=self._segmenter,
            propagator=self._propagator,
            finder=self._finder,
            fill=self._fill,
            annotator=self._annotator,
        )

    @contextmanager
    def _segmenter(self, context: Context) -> Iterator[Segment]:
        method = context.choices.segmentation.method
        waits = _Waits(context, self._latencies, "1")
        answers = _BoxAnswers(waits)
        asked = SamSegmenter(answers.masks()) if method == "sam" else MatteSegmenter()

        def segment(index: int, frame: Frame, matte: Matte | None) -> Found:
            if method != "mask2former":
                answers.matte = matte
                return asked.segment(frame, matte)
            with waits.running("segment", frame):
                size = (frame.shape[0], frame.shape[1])
                return found_of(matte_parts(made_up.alpha_of(index, size) if matte is None else matte))

        yield segment

    @contextmanager
    def _propagator(self, context: Context) -> Iterator[Propagator]:
        chosen = context.choices.tracking
        waits = _Waits(context, self._latencies, "3")
        if chosen.method == "flow":
            yield FlowPropagator()
        elif chosen.method == "sam":
            yield _Asking(_BoxAnswers(waits))
        elif chosen.method == "xmem":
            yield _Remembering(
                waits,
                ("key", "merge", "value"),
                ("key", "read", "decode"),
                ("value",),
                chosen.memory_frames,
            )
        else:
            yield _Remembering(
                waits, ("refer", "decode"), ("encode", "propagate", "decode", "memorise"), (), 1
            )

    @contextmanager
    def _finder(self, context: Context) -> Iterator[Finder]:
        yield _Lights(context, _Waits(context, self._latencies, "2b"))

    @contextmanager
    def _fill(self, context: Context) -> Iterator[Fill]:
        waits = _Waits(context, self._latencies, "2c")

        def painted(rgb: Pixels, hole: Pixels) -> Pixels:
            with waits.running("inpaint", rgb):
                return made_up.invented(rgb)

        yield fill_simple if context.choices.plates.model == NONE else painted

    @contextmanager
    def _annotator(self, context: Context) -> Iterator[Annotator]:
        chosen = context.choices.annotation
        waits = _Waits(context, self._latencies, "4")

        def encoder(model: str) -> PictureEncoder | None:
            def run(inputs: Any) -> Arrays:
                with waits.running("embed", inputs["frame"], model=model):
                    return {"embedding": _vectors(len(inputs["frame"])).astype(np.float16)}

            return None if model == NONE else PictureEncoder(**_named(model), run=run)

        def captions(frames: Sequence[Pixels]) -> list[str]:
            for frame in frames:
                with waits.running("vision", frame):
                    pass
                for graph in ("prefill", *["step"] * USUAL.caption_tokens):
                    waits.run(graph)
            return ["two figures and a light, made up"] * len(frames)

        clip = encoder(chosen.tags)
        text = _Texts(**_named(chosen.tags), run=_no_run, tokenizer=cast(Tokenizer, None)) if clip else None
        yield Annotator(
            clip=clip,
            clip_text=text,
            dino=encoder(chosen.embeddings),
            captions=None if chosen.captions == NONE else captions,
            vocabulary=read_vocabulary(chosen.vocabulary) if chosen.vocabulary else VOCABULARY,
        )


def _named(model: str) -> dict[str, Any]:
    return {"model": model, "checkpoint_sha256": "", "graph_sha256": ""}


def _no_run(inputs: Any) -> Arrays:
    raise AssertionError("texts have vectors without a run")


def _vectors(count: int) -> Vectors:
    """float32 [count,D] of length 1, the same each time."""
    return unit(np.random.default_rng(count).standard_normal((count, _DIMENSIONS)))


def _carried(ids: Ids, matte: Matte) -> Ids:
    """uint8 [H,W]: each part of the matte with the id that most of it had before."""
    parts = matte_parts(matte)
    table = np.zeros(256, np.uint8)
    for part in range(1, int(parts.max()) + 1):
        before = np.bincount(ids[parts == part], minlength=256)
        before[0] = 0
        table[part] = before.argmax()
    return np.where(matte >= SOLID, table[parts], 0).astype(np.uint8)
