"""Documents show what the layers make, also in other people's programs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from psd_tools import PSDImage
from psd_tools.constants import BlendMode

from samples.scene import GroundTruth
from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.delivery.compose import recomposed
from trt_anime.runtime.delivery.psd import write_documents
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]


@pytest.mark.parametrize("merged", [True, False], ids=["merged", "separate"])
def test_a_documents_composite_is_the_recomposed_frame(
    run: Run, separate: Run, out: Path, merged: bool
) -> None:
    results, truths = run if merged else separate
    assert write_documents(results, out, [20, 9, 9]) == [9, 20]
    for index in (9, 20):
        document = PSDImage.open(out / f"frame_{index:06d}.psd")
        composite = np.asarray(document.composite(force=True).convert("RGB")).astype(int)
        shown = document.topil()
        assert shown is not None
        preview = np.asarray(shown.convert("RGB")).astype(int)
        for picture in (composite, preview):
            assert np.abs(picture - recomposed(results, index)).max() <= 1
            assert np.abs(picture - truths[index].frame).max() <= 3


def test_layers_have_their_names_order_and_blend_modes(separate: Run, out: Path) -> None:
    write_documents(separate[0], out, [9, 20])
    rows = [
        [(layer.name, layer.blend_mode) for layer in PSDImage.open(path)]
        for path in sorted(out.glob("*.psd"))
    ]
    assert rows == [
        [
            ("background", BlendMode.NORMAL),
            ("character_01", BlendMode.NORMAL),
            ("character_03", BlendMode.NORMAL),
            ("effect_petals", BlendMode.NORMAL),
        ],
        [
            ("background", BlendMode.NORMAL),
            ("character_02", BlendMode.NORMAL),
            ("effect_glow", BlendMode.LINEAR_DODGE),
        ],
    ]


def test_without_numbers_each_shot_gives_one(run: Run, out: Path) -> None:
    chosen = write_documents(run[0], out)
    assert [run[0].shot_of(index).number for index in chosen] == [1, 2, 3]
    assert sorted(path.name for path in out.glob("*.psd")) == [f"frame_{k:06d}.psd" for k in chosen]


def test_a_frame_that_is_not_there_is_named(run: Run, out: Path) -> None:
    with pytest.raises(InputError, match="--frames 24: no such frame; the results have 0 to 23"):
        write_documents(run[0], out, [3, 24])
    assert not out.exists()


def test_a_missing_package_is_named(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psd_tools", None)
    with pytest.raises(MissingError, match=r"trt-anime\[datasets\]"):
        write_documents(run[0], out, [0])
