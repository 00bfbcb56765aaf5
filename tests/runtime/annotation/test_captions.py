"""The captioner gives what its three graphs and the search give frame by frame."""

from pathlib import Path

import pytest

from tests.caption.small import RECIPES, captioner, checkpoint, frames_of, graphs_in
from trt_anime.runtime.annotation.captions import Captioner
from trt_anime.runtime.captions.options import SearchOptions
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

NAME = "blip-base"
RECIPE = RECIPES[NAME]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("caption")
    graphs_in(folder, NAME, checkpoint(NAME, folder))
    return folder


@pytest.mark.parametrize(("pictures", "beams"), [(1, 1), (2, 3)])
def test_frames_get_their_own_captions_in_any_batch(graphs: Path, pictures: int, beams: int) -> None:
    frames = frames_of(RECIPE, 3)
    options = SearchOptions(stop=RECIPE.decoder.stop, most=8, beams=beams)
    start = RECIPE.decoder.start
    with captioner(graphs, pictures=1) as single:
        expected = [single.captions(frame[None], [[start]], options)[0].tokens for frame in frames]
    assert len(set(expected)) > 1
    side = RECIPE.vision.side
    with HostDevice() as device:
        vision, prefill, step = (
            OrtCpuSession(graphs / f"{stage}.onnx", device, threads=1, name=stage)
            for stage in ("vision", "prefill", "step")
        )
        with Captioner(
            vision, prefill, step, device, start=start, options=options, size=(side, side),
            decode=lambda ids: " ".join(map(str, ids)) + " ", pictures=pictures,
        ) as ours:  # fmt: skip
            assert ours(list(frames)) == [" ".join(map(str, tokens)) for tokens in expected]
            assert ours(list(frames[:1])) == [" ".join(map(str, expected[0]))]
            assert ours([]) == []
