"""A training set that the trainer can read, with one picture of each kind."""

import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import character_rgba
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.delivery import kohya
from trt_anime.runtime.delivery.compose import box_of
from trt_anime.runtime.delivery.crops import crop_around
from trt_anime.runtime.delivery.kohya import TrainingOptions, write_training_set
from trt_anime.runtime.delivery.people import cut_out, subjects
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.planes import write_picture
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]

# Characters of this small film are about 150 pixels tall.
SMALL = TrainingOptions(min_size=64, resolution=256)


def _read(path: Path) -> Pixels:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    codes = {4: cv2.COLOR_BGRA2RGBA, 3: cv2.COLOR_BGR2RGB}
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, codes[picture.shape[2]])
    return np.asarray(picture, np.uint8)


def _subsets(out: Path) -> list[dict[str, object]]:
    table = tomllib.loads((out / "dataset.toml").read_text(encoding="utf-8"))
    (dataset,) = table["datasets"]
    assert dataset["bucket_no_upscale"] and dataset["bucket_reso_steps"] == 64
    return list(dataset["subsets"])


def _pictures(out: Path) -> list[Path]:
    return [
        path for subset in _subsets(out) for path in sorted(Path(str(subset["image_dir"])).glob("*.png"))
    ]


@pytest.mark.parametrize("masks", ["alpha", "folder", "none"])
def test_every_picture_has_a_caption_and_a_mask_of_its_size(
    run: Run, out: Path, masks: kohya.Masks
) -> None:
    counts = write_training_set(run[0], out, replace(SMALL, masks=masks))
    subsets = _subsets(out)
    assert len(subsets) == len(counts) == 3
    assert [len(list(Path(str(s["image_dir"])).glob("*.png"))) for s in subsets] == list(counts.values())
    for subset in subsets:
        assert (
            set(subset) - {"image_dir", "caption_extension", "num_repeats"}
            == {
                "alpha": {"alpha_mask"},
                "folder": {"conditioning_data_dir"},
                "none": set(),
            }[masks]
        )
    for path in _pictures(out):
        picture = _read(path)
        assert picture.shape[0] % 64 == 0 and picture.shape[1] % 64 == 0
        assert picture.shape[0] * picture.shape[1] <= 256**2
        assert picture.shape[2] == (4 if masks == "alpha" else 3)
        assert path.with_suffix(".txt").read_text(encoding="utf-8").startswith("character 0")
        if masks == "folder":
            mask = _read(path.parents[1] / f"{path.parent.name}_mask" / path.name)
            assert mask.shape == picture.shape[:2] and set(np.unique(mask)) == {0, 255}


# What the trainer's own check lets pass (`library/config_util.py`), of the keys that are of use here: it
# refuses any other key, and any other type. A data set whose subsets have `conditioning_data_dir` is one
# for ControlNet to it, which knows no `alpha_mask`.
_DATASET = {
    "resolution": int,
    "batch_size": int,
    "enable_bucket": bool,
    "bucket_no_upscale": bool,
    "bucket_reso_steps": int,
    "min_bucket_reso": int,
    "max_bucket_reso": int,
    "subsets": list,
}
_SUBSET = {"image_dir": str, "caption_extension": str, "num_repeats": int}


@pytest.mark.parametrize("masks", ["alpha", "folder", "none"])
def test_the_table_has_nothing_that_the_trainer_refuses(run: Run, out: Path, masks: kohya.Masks) -> None:
    write_training_set(run[0], out, replace(SMALL, masks=masks, trigger="ske'b\"x"))
    table = tomllib.loads((out / "dataset.toml").read_text(encoding="utf-8"))
    assert set(table) == {"datasets"}
    kinds: dict[str, dict[str, type]] = {
        "alpha": {"alpha_mask": bool},
        "folder": {"conditioning_data_dir": str},
        "none": {},
    }
    for dataset in table["datasets"]:
        assert {key: type(value) for key, value in dataset.items()} == _DATASET
        for subset in dataset["subsets"]:
            assert {key: type(value) for key, value in subset.items()} == _SUBSET | kinds[masks]
            images = {path.stem for path in Path(subset["image_dir"]).glob("*.png")}
            captions = list(Path(subset["image_dir"]).glob("*.txt"))
            assert images == {path.stem for path in captions}
            assert all(path.read_text(encoding="utf-8").splitlines()[0] for path in captions)
            if masks == "folder":  # one for each picture, and not one beyond
                assert images == {path.stem for path in Path(subset["conditioning_data_dir"]).iterdir()}


@pytest.mark.parametrize("resolution", [200, 768, 1500])
def test_buckets_hold_every_resolution(run: Run, out: Path, resolution: int) -> None:
    """The trainer asserts it; left out, its bounds are 256 and 1024. Both are multiples of the step."""
    write_training_set(run[0], out, replace(SMALL, resolution=resolution))
    (dataset,) = tomllib.loads((out / "dataset.toml").read_text(encoding="utf-8"))["datasets"]
    least, most = (dataset.get(f"{bound}_bucket_reso") for bound in ("min", "max"))
    assert 0 < least <= resolution <= most and least % 64 == most % 64 == 0


def test_masks_are_whole_latent_cells_that_hold_the_character_and_nobody_else(run: Run, out: Path) -> None:
    write_training_set(run[0], out, replace(SMALL, background="random", resolution=1024))
    for path in _pictures(out):
        picture = _read(path)
        mask = picture[..., 3]
        cells = mask.reshape(mask.shape[0] // 8, 8, -1, 8)
        assert np.array_equal(cells.min(axis=(1, 3)), cells.max(axis=(1, 3)))
        # Outside of the mask there is the random colour alone, to a level: no strand was left out.
        outside = picture[..., :3][mask == 0].astype(int)
        assert np.ptp(outside, axis=0).max() <= 10 and 0.05 < (mask > 0).mean() < 0.9


def test_held_and_like_frames_are_kept_once_and_smears_not_at_all(run: Run, out: Path) -> None:
    counts = write_training_set(run[0], out, SMALL)
    kept = {name: sorted(int(p.stem[-6:]) for p in (out / name).glob("*.png")) for name in counts}
    assert kept["character_03"] == [9]  # a shot that stands still
    assert len(kept["character_02"]) == 1  # hardly moves
    assert 9 in kept["character_01"] and not {0, 1, 2, 3} & set(kept["character_01"])


def test_no_more_than_asked_for_come_from_a_shot(run: Run, out: Path) -> None:
    options = replace(SMALL, distance=0, per_shot=2)
    counts = write_training_set(run[0], out, options)
    assert counts == {"character_01": 3, "character_02": 2, "character_03": 1}


def test_the_background_is_what_was_asked_for(run: Run, tmp_path: Path) -> None:
    results, truths = run
    white = np.full_like(truths[9].plate, 255)
    backgrounds: dict[kohya.Background, Pixels] = {
        "keep": truths[9].frame,
        "plate": truths[9].plate,
        "white": white,
    }
    for background, expected in backgrounds.items():
        out = tmp_path / background
        options = replace(SMALL, background=background, masks="none", resolution=1024, margin=0.0)
        write_training_set(results, out, options)
        picture = _read(out / "character_03" / "frame_000009.png")
        alpha = character_rgba(truths[9])[..., 3]
        subject = next(one for one in subjects(results, print) if one.id == 3)
        cut = cut_out(results, subject, 9)
        assert cut is not None
        box = box_of(cut, least=16)
        crop = crop_around(box, results.size, margin=0.0, resolution=1024)
        there = crop.of(expected).astype(int)
        outside = crop.of_alpha(np.asarray(255 * (alpha == 0), np.uint8)) == 255
        if background == "keep":  # also what stands before and behind: the frame as it is
            outside[:] = True
        assert outside.sum() > 1000
        assert np.abs(there - picture)[outside].max() <= 2


def test_the_trigger_word_comes_first_and_tells_characters_apart(
    run: Run, matte_only: Run, tmp_path: Path
) -> None:
    write_training_set(run[0], tmp_path / "a", replace(SMALL, trigger="sks"))
    words = {
        path.parent.name: path.with_suffix(".txt").read_text().split(",")[0]
        for path in _pictures(tmp_path / "a")
    }
    assert words == {f"character_0{n}": f"sks_0{n}" for n in (1, 2, 3)}
    write_training_set(matte_only[0], tmp_path / "b", replace(SMALL, trigger="sks"))
    assert {p.with_suffix(".txt").read_text() for p in _pictures(tmp_path / "b")} == {"sks\n"}


def test_without_tracks_all_characters_are_one(matte_only: Run, out: Path) -> None:
    said: list[str] = []
    counts = write_training_set(matte_only[0], out, SMALL, notify=said.append)
    assert list(counts) == ["character"] and "no tracks" in said[0]


def test_separate_layers_give_the_same_set(separate: Run, run: Run, tmp_path: Path) -> None:
    ours = write_training_set(separate[0], tmp_path / "a", SMALL)
    assert ours == write_training_set(run[0], tmp_path / "b", SMALL)


def test_progress_counts_both_rounds(run: Run, out: Path) -> None:
    counted: list[int] = []
    write_training_set(run[0], out, SMALL, advance=counted.append)
    assert sum(counted) == 2 * run[0].frames


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(SMALL, min_size=10_000), "lower --min-size"),
        (replace(SMALL, background="plate"), "no plates"),
        (replace(SMALL, resolution=32), "at least 64"),
    ],
    ids=["size", "plate", "resolution"],
)
def test_what_cannot_be_made_leaves_nothing(
    matte_only: Run, out: Path, options: TrainingOptions, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_training_set(matte_only[0], out, options)
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_leaves_nothing(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, written = write_picture, list[Path]()

    def write(path: Path, picture: Pixels) -> None:
        if len(written) == 2:
            raise OutputError(f"{path}: can't be written (No space left on device); free space")
        written.append(path)
        whole(path, picture)

    monkeypatch.setattr(kohya, "write_picture", write)
    with pytest.raises(OutputError, match="No space left"):
        write_training_set(run[0], out, SMALL)
    assert list(out.parent.iterdir()) == []
