"""What a chain with faultless networks makes of a film, shot by shot, against the truth behind it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from samples.arrays import U8
from samples.oracle import Oracle, rgba_of
from samples.scene import GroundTruth
from trt_anime.calibration.metrics.plates import psnr_of_mse, squared_error
from trt_anime.calibration.metrics.tracks import TrackMetric, TrackScore
from trt_anime.runtime.layers.compositing import composite, recomposition
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.files import pieces_in, read_plate
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend, LayerFolder
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot


@dataclass
class Region:
    """Squared error of plates over some pixels, added up over frames."""

    error: float = 0.0
    pixels: int = 0

    def add(self, truth: U8, found: Pixels, where: np.ndarray) -> None:
        """truth, found: uint8 [H,W,3]. where: bool [H,W]."""
        self.error += squared_error(truth, found, where)
        self.pixels += int(np.count_nonzero(where))

    @property
    def psnr_db(self) -> float | None:
        return psnr_of_mse(self.error / self.pixels) if self.pixels else None


@dataclass
class Mean:
    """Of values that come with how many pixels they are of."""

    total: float = 0.0
    pixels: int = 0

    def add(self, values: np.ndarray) -> None:
        self.total += float(values.sum())
        self.pixels += values.size

    @property
    def value(self) -> float | None:
        return self.total / self.pixels if self.pixels else None


@dataclass
class ShotScore:
    """One shot, all of its fresh frames. Errors are levels of 255.

    Attributes:
        visible: plates where the background shows in that frame; clip: the clip itself there; hidden: where
            it shows only in others; never: where in none.
        effect: the effect layer laid on the true layers below it, where there is effect; bare: the same
            without any effect layer, to compare with; spill: with it, where there is none.
        recomposed_db: of each frame.
        flicker: what plates change from frame to frame beyond what the truth does, where the background
            shows; source: what the clip itself does there.
        alpha_flicker: the same of the character's alpha, where the truth's is partial.
        tracks: ids against the truth's persons.
    """

    name: str
    tracks: TrackScore | None = None
    visible: Region = field(default_factory=Region)
    clip: Region = field(default_factory=Region)
    hidden: Region = field(default_factory=Region)
    never: Region = field(default_factory=Region)
    effect: Mean = field(default_factory=Mean)
    bare: Mean = field(default_factory=Mean)
    spill: Mean = field(default_factory=Mean)
    recomposed_db: list[float] = field(default_factory=list)
    flicker: Mean = field(default_factory=Mean)
    source: Mean = field(default_factory=Mean)
    alpha_flicker: Mean = field(default_factory=Mean)

    @property
    def middle_db(self) -> float:
        return median(self.recomposed_db)


@dataclass(frozen=True)
class ScoredFrame:
    """A fresh frame: the clip's picture, the truth, and the layers. `shot`: as the film calls it."""

    index: int
    truth_index: int
    shot: str
    rgb: Pixels
    truth: GroundTruth
    plate: Pixels
    invented: np.ndarray
    character: Pixels | None
    effects: list[tuple[Pixels, Blend]]
    composed: Pixels

    @property
    def shows(self) -> np.ndarray:
        """bool [H,W]: where the background shows, and nothing else."""
        return np.asarray((self.truth.alpha == 0) & (self.truth.effect[..., 3] < 1 / 255))


def shot_scores(
    results: Results, oracle: Oracle, *, also: Callable[[ScoredFrame], None] = lambda frame: None
) -> list[ShotScore]:
    """Compare everything; shots as the film has them, not as the chain found them.

    Args:
        also: gets every frame that is compared.

    Raises InputError: a file is damaged.
    """
    scores = [ShotScore(shot.name) for shot in oracle.scene.shots]
    people = [TrackMetric() for _ in scores]
    before: dict[int, ScoredFrame] = {}
    for frame in _frames(results, oracle):
        place = oracle.scene.shot_at(frame.truth_index)
        _add(scores[place], frame)
        also(frame)
        if place in before:
            _add_change(scores[place], before[place], frame)
        before[place] = frame
        ids = results.ids(frame.index)
        if ids is not None:
            people[place].add(frame.truth.instance, ids)
    for score, metric in zip(scores, people, strict=True):
        score.tracks = metric.score()
    return scores


def _frames(results: Results, oracle: Oracle) -> Iterator[ScoredFrame]:
    fresh = {index: shot for shot in results.shots for index in shot.fresh}
    with results.source() as source:
        for frame in source:
            index = frame.stamp.index
            if index in fresh:
                yield _frame(results, oracle, fresh[index], index, frame.rgb)


def _frame(results: Results, oracle: Oracle, shot: Shot, index: int, rgb: Pixels) -> ScoredFrame:
    layers = results.layers.in_shot(shot.number)
    pictures = [(layer, rgba) for layer in layers if (rgba := results.rgba(layer, index)) is not None]
    plate = np.ascontiguousarray(_of(pictures, "2c")[0][0][..., :3])
    people = _of(pictures, "2a")
    effects = _of(pictures, "2b")
    folder = results.folder / places.PLATES
    pieces = (read_plate(folder, shot.number, n + 1) for n in range(pieces_in(folder, shot.number)))
    own = next(piece for piece in pieces if index in piece.motions.frames)
    return ScoredFrame(
        index,
        oracle.scene.held[index],
        oracle.scene.shots[oracle.scene.shot_at(index)].name,
        rgb,
        oracle.truth(index),
        plate,
        own.holes(index) > 0,
        people[0][0] if people else None,
        effects,
        composite(plate, people + effects),
    )


def _of(pictures: Sequence[tuple[LayerFolder, Pixels]], stage: str) -> list[tuple[Pixels, Blend]]:
    return [(rgba, layer.blend) for layer, rgba in pictures if layer.stage == stage]


def _add(score: ShotScore, frame: ScoredFrame) -> None:
    truth, shows = frame.truth, frame.shows
    score.visible.add(truth.plate, frame.plate, shows)
    score.clip.add(truth.plate, frame.rgb, shows)
    score.hidden.add(truth.plate, frame.plate, ~shows & ~frame.invented)
    score.never.add(truth.plate, frame.plate, ~shows & frame.invented)
    score.recomposed_db.append(recomposition(frame.rgb, frame.composed).psnr_db)
    below = composite(truth.plate, [(rgba_of(truth), "over")])
    laid = composite(below, frame.effects)
    here = truth.effect[..., 3] >= 1 / 255
    gap, bare = (np.abs(truth.frame.astype(np.int16) - each).max(axis=2) for each in (laid, below))
    score.effect.add(gap[here])
    score.bare.add(bare[here])
    score.spill.add(gap[~here])


def _add_change(score: ShotScore, before: ScoredFrame, now: ScoredFrame) -> None:
    shows = before.shows & now.shows
    truth = _change(before.truth.plate, now.truth.plate)
    score.flicker.add(np.abs(_change(before.plate, now.plate) - truth)[shows])
    score.source.add(np.abs(_change(before.rgb, now.rgb) - truth)[shows])
    if before.character is not None and now.character is not None:
        ours = _change(before.character[..., 3], now.character[..., 3])
        true = 255 * (now.truth.alpha - before.truth.alpha)
        partial = (now.truth.alpha > 0) & (now.truth.alpha < 1)
        score.alpha_flicker.add(np.abs(ours - true)[partial])


def _change(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    return np.asarray(now.astype(np.int16) - before)
