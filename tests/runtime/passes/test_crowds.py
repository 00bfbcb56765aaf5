"""More characters than a network follows, or than there are ids for: nobody is lost, and it is said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from samples.oracle import CHOICES, no_files
from tests.runtime.characters.actors import Shown, drawn, line
from trt_anime.runtime.characters.found import Found, Frame, Ids, Matte, found_of
from trt_anime.runtime.characters.identity import People
from trt_anime.runtime.characters.propagation import Propagator
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import Tracking
from trt_anime.runtime.passes.context import Context, matte_folder
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.passes.sources import NETWORKS
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.results.layers import OTHERS
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.reader import Results

CUT, END = 4, 12
ROOM = 1


class Small(FlowPropagator):
    """Fails where it is given more than it has room for, as networks do."""

    most = ROOM

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.known: set[int] = set()
        super().start(frame, ids, matte)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.known |= {*ids.ravel().tolist()} - {0}
        assert len(self.known) <= self.most
        super().add(frame, ids, matte)


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    """One alone; after a cut three, so far apart that none is near another's mask."""
    alone = [drawn({4: place}) for place in line((100, 50), (130, 55), CUT)]
    alone = [replace(one, frame=255 - one.frame) for one in alone]
    ways = [line((5, 50), (25, 56), END - CUT), line((135, 55), (125, 50), END - CUT)]
    crowd = [drawn({1: a, 2: b, 3: (260, 50)}) for a, b in zip(*ways, strict=True)]
    return [*alone, *crowd]


@pytest.fixture(scope="module")
def clip(shown: list[Shown], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    for index, one in enumerate(shown):
        cv2.imwrite(str(folder / f"{index:04d}.png"), one.frame[..., ::-1])
    return folder


def tools_of(shown: list[Shown]) -> Tools:
    """The truth, and a propagator that has little room."""

    def matte(context: Context, advance: Callable[[int], None]) -> list[dict[str, Any]]:
        for index, one in enumerate(shown):
            write_frame(matte_folder(context.folder), [index], np.dstack([one.frame, one.matte]))
            advance(1)
        return []

    def segment(index: int, frame: Frame, matte: Matte | None) -> Found:
        return found_of(shown[index].ids)

    @contextmanager
    def small(context: Context) -> Iterator[Propagator]:
        yield Small()

    return replace(NETWORKS, matte=matte, segmenter=lambda context: nullcontext(segment), propagator=small)


def processed(
    clip: Path, shown: list[Shown], output: Path, layout: Literal["merged", "separate"], **options: Any
) -> list[str]:
    """The run's notices."""
    choices = replace(
        CHOICES,
        characters=replace(CHOICES.characters, layout=layout),
        tracking=Tracking(method="xmem", model="xmem"),
    )
    wanted = ProcessOptions(
        input=clip, output=output, stages=("1", "2a", "3"), preset="fast", threads=2, **options
    )
    return process_chain(wanted, choices, files=no_files, tools=tools_of(shown)).notices


def alpha_of(results: Results, index: int) -> NDArray[np.uint8]:
    """Of all characters' layers in a frame, the highest."""
    layers = [results.rgba(layer, index) for layer in results.layers.folders if layer.stage == "2a"]
    return np.asarray(np.maximum.reduce([rgba[..., 3] for rgba in layers if rgba is not None]), np.uint8)


@pytest.mark.parametrize("layout", ["merged", "separate"])
def test_for_whom_a_network_has_no_room_is_in_the_layers_under_his_id(
    clip: Path, shown: list[Shown], tmp_path: Path, layout: Literal["merged", "separate"]
) -> None:
    notices = processed(clip, shown, tmp_path / "out", layout)
    results = Results.open(tmp_path / "out")
    assert [shot.start for shot in results.shots] == [0, CUT]
    names = {0: {0}}
    for index in range(CUT, END):
        there = shown[index].ids > 0
        assert ((alpha_of(results, index) > 128) != there).mean() < 0.002, index
        ids = results.ids(index)
        assert ids is not None
        for number in (1, 2, 3):
            found = ids[shown[index].ids == number]
            name = int(np.bincount(found).argmax())
            assert name and (found == name).mean() > 0.97, (index, number)
            names.setdefault(number, set()).add(name)
    assert all(len(found) == 1 for found in names.values()), names
    assert len(set.union(*names.values())) == 4
    said = [sentence for sentence in notices if "characters at once" in sentence]
    assert said == [
        f"shot 2: 3 characters at once, and xmem follows {ROOM}; the others are followed by the motion of"
        " the picture alone. With `stage3.method` sam or flow, up to 254 are followed alike"
    ]
    again = processed(clip, shown, tmp_path / "out", layout, resume=True)
    assert said[0] in again, "a run that finds the shot done says so too"


@pytest.mark.parametrize("layout", ["merged", "separate"])
def test_for_whom_no_id_is_left_is_in_the_layers_together_with_the_others(
    clip: Path,
    shown: list[Shown],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: Literal["merged", "separate"],
) -> None:
    """As in a film of which 252 characters are known before its second shot."""
    highest = vars(People)["highest"].fget
    monkeypatch.setattr(People, "highest", property(lambda people: OTHERS - 3 + highest(people)))
    notices = processed(clip, shown, tmp_path / "out", layout)
    results = Results.open(tmp_path / "out")
    assert {one.id for one in results.tracks} >= {OTHERS}
    assert {one.label for one in results.tracks if one.id == OTHERS} == {"others"}
    for index in range(CUT, END):
        ids = results.ids(index)
        assert ids is not None and OTHERS in ids
        assert ((ids > 0) != (shown[index].ids > 0)).mean() < 0.002, index
        assert ((alpha_of(results, index) > 128) != (shown[index].ids > 0)).mean() < 0.002, index
    said = [sentence for sentence in notices if "without an id" in sentence]
    assert len(said) == 1 and said[0].startswith("shot 2: characters without an id of their own: "), said
