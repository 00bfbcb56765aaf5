"""The networks that the choices name, opened for their pass as the pass wants to call them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from trt_anime.runtime.characters.found import Found, Frame, Matte, Segmenter
from trt_anime.runtime.characters.prompted import BoxMasks
from trt_anime.runtime.characters.propagation import Propagator
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.characters.propagators.sam import SamPropagator
from trt_anime.runtime.characters.segmenters.mask2former import Mask2FormerSegmenter
from trt_anime.runtime.characters.segmenters.matte import MatteSegmenter
from trt_anime.runtime.characters.segmenters.sam import SamSegmenter
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes import finders
from trt_anime.runtime.passes.choices import NONE
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.finders import Finder
from trt_anime.runtime.passes.networks import Network
from trt_anime.runtime.passes.segment import Segment
from trt_anime.runtime.plates import Fill, fill_simple


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
            found = SamSegmenter(stack.enter_context(box_masks(context, chosen.model, "1")))
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
            return network({"frame": rgb[None], "hole": hole[None]})["plate"][0]

        yield painted


@contextmanager
def box_masks(context: Context, model: str, stage: str) -> Iterator[BoxMasks]:
    """A SAM's two graphs as one function. Raises as `segmenter`."""
    with context.networks.open(model, "image", "mask", stage=stage) as graphs:
        yield BoxMasks(graphs["image"], graphs["mask"], prompts=_prompts(graphs["mask"]))


def _prompts(mask: Network) -> int:
    """How many boxes a run takes: an engine's own number; a graph takes any, one at a time costs least."""
    boxes = next(item for item in mask.session.inputs if item.name == "boxes")
    return boxes.shape[1] if isinstance(boxes.shape[1], int) else 1
