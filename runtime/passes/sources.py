"""The networks that the choices name, opened for their pass as the pass wants to call them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from trt_anime.runtime.annotation.captions import Captioner
from trt_anime.runtime.annotation.networks import PictureEncoder, TextEncoder
from trt_anime.runtime.annotation.tools import Tools as Annotator
from trt_anime.runtime.annotation.vocabulary import VOCABULARY, read_vocabulary
from trt_anime.runtime.annotation.wd_tagger import wd_tagger_from
from trt_anime.runtime.captions.options import SearchOptions
from trt_anime.runtime.characters.found import Found, Frame, Matte, Segmenter
from trt_anime.runtime.characters.propagation import Propagator
from trt_anime.runtime.characters.propagators.aot import AotPropagator, graphs_from_sessions
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.characters.propagators.resized import ResizedPropagator
from trt_anime.runtime.characters.propagators.sam import SamPropagator
from trt_anime.runtime.characters.propagators.xmem import XmemPropagator
from trt_anime.runtime.characters.segmenters.mask2former import Mask2FormerSegmenter
from trt_anime.runtime.characters.segmenters.matte import MatteSegmenter
from trt_anime.runtime.characters.segmenters.sam import SamSegmenter
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes import finders
from trt_anime.runtime.passes.annotate import labels_of
from trt_anime.runtime.passes.choices import NONE
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.counting import counted_call
from trt_anime.runtime.passes.finders import Finder, box_masks
from trt_anime.runtime.passes.matte import matte
from trt_anime.runtime.passes.networks import Network
from trt_anime.runtime.passes.segment import Segment
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.plates.filling import Fill, fill_simple
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.temporal.aot_arrays import Run
from trt_anime.runtime.temporal.xmem.options import MemoryOptions


@contextmanager
def segmenter(context: Context) -> Iterator[Segment]:
    """Stage 1's. Raises MissingError, InputError, EngineError: a network can't be had or opened."""
    chosen = context.choices.segmentation
    with ExitStack() as stack:
        found: Segmenter
        if chosen.method == "mask2former":
            graphs = stack.enter_context(context.networks.open(chosen.model, "segment", stage="1"))
            network = graphs["segment"]
            found = Mask2FormerSegmenter(
                network, network.session.info, confidence_threshold=chosen.confidence
            )
        elif chosen.method == "sam":
            found = SamSegmenter(stack.enter_context(box_masks(context.networks, chosen.model, stage="1")))
        else:
            found = MatteSegmenter()

        def segment(index: int, frame: Frame, matte: Matte | None) -> Found:
            return found.segment(frame, matte)

        yield segment


@contextmanager
def finder(context: Context) -> Iterator[Finder]:
    """Stage 2b's. Raises as `segmenter`."""
    with finders.finder(context.choices.effects, context.networks) as found:
        yield found


@contextmanager
def fill(context: Context) -> Iterator[Fill]:
    """Stage 2c's. Raises as `segmenter`."""
    model = context.choices.plates.model
    if model == NONE:
        yield fill_simple
        return
    with context.networks.open(model, "inpaint", stage="2c") as graphs:
        network = graphs["inpaint"]

        def painted(rgb: Pixels, hole: Pixels) -> Pixels:
            plate: Pixels = network({"frame": rgb[None], "hole": hole[None]})["plate"][0]
            return plate

        yield painted


@contextmanager
def propagator(context: Context) -> Iterator[Propagator]:
    """Stage 3's. Raises as `segmenter`."""
    chosen = context.choices.tracking
    if chosen.method == "flow":
        yield FlowPropagator()
    elif chosen.method == "sam":
        with box_masks(context.networks, chosen.model, stage="3") as masks:
            yield SamPropagator(masks)
    elif chosen.method == "xmem":
        with (
            context.networks.sessions(chosen.model, stage="3", counted=True) as (device, sessions),
            XmemPropagator(
                sessions, device, options=MemoryOptions(memorise_every=chosen.memory_frames)
            ) as follower,
        ):
            yield _at_size(follower, sessions["key"], context)
    else:

        def counted(graph: str, run: Run) -> Run:
            return counted_call(context.networks.used_of(chosen.model, graph), run)

        with (
            context.networks.sessions(chosen.model, stage="3") as (device, sessions),
            graphs_from_sessions(sessions, device, counted=counted) as graphs,
        ):
            by_aot = AotPropagator(graphs, gap=chosen.memory_frames)
            yield _at_size(by_aot, sessions["encode"], context)


def _at_size(propagator: Propagator, session: Session, context: Context) -> Propagator:
    """For the clip's frames; graphs of memory networks are for one size."""
    shape = next(binding.shape for binding in session.inputs if binding.name == "frame")
    height, width = (int(side) for side in shape[1:3])
    if (height, width) == (context.clip.height, context.clip.width):
        return propagator
    return ResizedPropagator(propagator, (height, width))


@contextmanager
def annotator(context: Context) -> Iterator[Annotator]:
    """Stage 4's; a network that isn't chosen is left out. Raises as `segmenter`."""
    chosen = context.choices.annotation
    with ExitStack() as stack:
        clip = text = dino = wd = captions = None
        if chosen.tags != NONE:
            graphs = stack.enter_context(context.networks.open(chosen.tags, stage="4"))
            clip = PictureEncoder(**_encoder(chosen.tags, graphs["embed"]))
            words = context.networks.files(chosen.tags).tokenizer(chosen.tags)
            text = TextEncoder(**_encoder(chosen.tags, graphs["embed_text"]), tokenizer=words)
        if chosen.embeddings != NONE:
            graphs = stack.enter_context(context.networks.open(chosen.embeddings, stage="4"))
            dino = PictureEncoder(**_encoder(chosen.embeddings, graphs["embed"]))
        if chosen.captions != NONE:
            captions = stack.enter_context(_captioner(context, chosen.captions))
        if chosen.tagger is not None:
            labels = labels_of(chosen.tagger)
            wd = wd_tagger_from(chosen.tagger, labels, threads=context.options.cores).tags
        vocabulary = read_vocabulary(chosen.vocabulary) if chosen.vocabulary else VOCABULARY
        yield Annotator(
            clip=clip, clip_text=text, dino=dino, wd=wd, captions=captions, vocabulary=vocabulary
        )


@contextmanager
def _captioner(context: Context, model: str) -> Iterator[Captioner]:
    files = context.networks.files(model)
    height, width = context.clip.height, context.clip.width
    kinds = ("vision", "prefill", "step")
    with context.networks.sessions(model, *kinds, stage="4", counted=True) as (device, sessions):
        captioner = Captioner(
            sessions["vision"],
            sessions["prefill"],
            sessions["step"],
            device,
            start=files.tokens["start"][0],
            decode=files.tokenizer(model).decode,
            options=SearchOptions(stop=files.tokens["stop"]),
            size=(height, width),
        )
        with captioner:
            yield captioner


def _encoder(model: str, network: Network) -> dict[str, Any]:
    return {
        "model": model,
        "checkpoint_sha256": network.session.info.checkpoint_sha256,
        "graph_sha256": network.session.origin.sha256,
        "run": network,
    }


NETWORKS = Tools(
    matte=matte,
    segmenter=segmenter,
    propagator=propagator,
    finder=finder,
    fill=fill,
    annotator=annotator,
)
