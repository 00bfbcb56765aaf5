"""A training set for LoRA and its like, as kohya-ss/sd-scripts reads it (`--dataset_config dataset.toml`).

    dataset.toml            one subset for each character
    character_01/           frame_000012.png and its caption, frame_000012.txt
    character_01_mask/      with masks "folder": frame_000012.png, grey, 255 where the loss counts

Masks "alpha" are in the pictures' alpha channel (`alpha_mask = true`); both kinds need `--masked_loss` when
training. Pictures have the size of their bucket already, so that the trainer neither scales nor cuts them,
and masks consist of whole cells of the latents.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from trt_anime.errors import InputError
from trt_anime.files import write_text
from trt_anime.runtime.delivery.captions import Captions
from trt_anime.runtime.delivery.compose import PLATE, box_of, lay, rounded
from trt_anime.runtime.delivery.crops import STEP, Colour, crop_around, latent_mask
from trt_anime.runtime.delivery.likeness import Candidate, choose, look
from trt_anime.runtime.delivery.people import Subject, cut_out, ids_at, subjects
from trt_anime.runtime.delivery.targets import Advance, Notify, delivering
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.places import frame_name
from trt_anime.runtime.results.planes import write_picture
from trt_anime.runtime.results.reader import Results

Masks = Literal["alpha", "folder", "none"]
Background = Literal["keep", "white", "plate", "random"]

_BUCKETS = 256, 1024  # sides in pixels, as the trainer has them if not told
_SOLID = 16  # alpha from here on is in the box around a character; below, a matte has specks far from it


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What the set should be.

    Attributes:
        masks: where they go.
        background: behind the character: the source's, white, the plate, or a random colour a picture.
        resolution: pictures have at most its square in pixels; they are never enlarged.
        margin: around the character, as a share of its longer side.
        min_size: characters whose longer side has fewer pixels are left out.
        distance: bits of 64 in which the perceptual hashes of two pictures must differ.
        per_shot: the most pictures of a character from one shot; 0 for no limit.
        repeats: how often the trainer goes over each picture in an epoch.
        trigger: first word of every caption; the character's name where it is empty. Where there are
            several characters, each adds its number.
    """

    masks: Masks = "alpha"
    background: Background = "keep"
    resolution: int = 1024
    margin: float = 0.1
    min_size: int = 128
    distance: int = 8
    per_shot: int = 12
    repeats: int = 10
    trigger: str = ""


def write_training_set(
    results: Results,
    target: Path,
    options: TrainingOptions,
    *,
    overwrite: bool = False,
    notify: Notify = lambda sentence: None,
    advance: Advance = lambda count: None,
) -> dict[str, int]:
    """Make the set; returns how many pictures each character has.

    Args:
        advance: takes how many frames were just gone through; the clip is gone through twice.

    Raises:
        InputError: `target` holds something, a file is damaged, or there is nothing to train with.
        OutputError: the disk is full; nothing is left.
    """
    _check(results, options)
    with delivering(target, what="kohya", source=results.folder, overwrite=overwrite) as folder:
        who = subjects(results, notify)
        kept = {
            subject: choose(found, distance=options.distance, per_shot=options.per_shot)
            for subject, found in _candidates(results, who, options, advance).items()
        }
        kept = {subject: chosen for subject, chosen in kept.items() if chosen}
        if not kept:
            raise InputError(
                f"{results.folder}: shows no character of {options.min_size} pixels; lower --min-size"
            )
        _write_pictures(results, folder, kept, options, advance)
        write_text(folder / "dataset.toml", _toml(target.resolve(), list(kept), options))
    return {subject.name: len(chosen) for subject, chosen in kept.items()}


def _check(results: Results, options: TrainingOptions) -> None:
    if options.resolution < STEP or options.repeats < 1 or options.margin < 0:
        raise InputError(
            f"resolution {options.resolution}, repeats {options.repeats}, margin {options.margin}: give at "
            f"least {STEP}, 1 and 0"
        )
    if options.background == "plate" and not any(row.stage == PLATE for row in results.layers.folders):
        raise InputError(f"{results.folder}: has no plates (stage 2c); choose another --background")


def _candidates(
    results: Results, who: tuple[Subject, ...], options: TrainingOptions, advance: Advance
) -> dict[Subject, list[Candidate]]:
    """Every fresh frame of every character that is large enough."""
    found: dict[Subject, list[Candidate]] = {subject: [] for subject in who}
    for shot in results.shots:
        for fresh in shot.fresh:
            ids = ids_at(results, fresh)
            for subject in who:
                rgba = cut_out(results, subject, fresh, ids)
                if rgba is None:
                    continue
                x, y, width, height = box = box_of(rgba, least=_SOLID)
                if max(width, height) >= options.min_size:
                    hashed, sharpness = look(rgba[y : y + height, x : x + width])
                    found[subject].append(Candidate(fresh, shot.number, box, hashed, sharpness))
            advance(len(shot.shown_at(fresh)))
    return found


def _write_pictures(
    results: Results,
    folder: Path,
    kept: dict[Subject, list[Candidate]],
    options: TrainingOptions,
    advance: Advance,
) -> None:
    captions = Captions(results)
    wanted: dict[int, list[tuple[Subject, Candidate]]] = {}
    for subject, chosen in kept.items():
        (folder / subject.name).mkdir()
        if options.masks == "folder":
            _mask_folder(folder, subject).mkdir()
        for candidate in chosen:
            wanted.setdefault(candidate.index, []).append((subject, candidate))
    for index, frame in _sources(results, set(wanted), advance, read=options.background == "keep"):
        for subject, candidate in wanted[index]:
            rgba = cut_out(results, subject, index)
            assert rgba is not None  # it was there when it was chosen
            crop = crop_around(
                candidate.box, results.size, margin=options.margin, resolution=options.resolution
            )
            colour = _colour(index, options)
            shown = frame if frame is not None else _shown(results, index, rgba, colour)
            picture = crop.of(shown, colour)
            _write_one(folder, subject, index, picture, crop.of_alpha(rgba[..., 3]), options)
            trigger = _trigger(options, subject, several=len(kept) > 1)
            text = captions.of(index, trigger=trigger)
            write_text(folder / subject.name / Path(frame_name(index)).with_suffix(".txt"), text + "\n")


def _sources(
    results: Results, wanted: set[int], advance: Advance, *, read: bool
) -> Iterator[tuple[int, Pixels | None]]:
    """The wanted frames in the clip's order, with their pictures if `read`."""
    if not read:
        yield from ((index, None) for index in sorted(wanted))
        advance(results.frames)
        return
    with results.source() as source:
        for frame in source:
            if frame.stamp.index >= results.frames:
                break
            if frame.stamp.index in wanted:
                yield frame.stamp.index, frame.rgb
            advance(1)


def _colour(index: int, options: TrainingOptions) -> Colour | None:
    """RGB behind the character, where that is one colour."""
    if options.background == "white":
        return (255, 255, 255)
    if options.background == "random":
        red, green, blue = np.random.default_rng(index).integers(0, 256, 3)
        return int(red), int(green), int(blue)
    return None


def _shown(results: Results, index: int, rgba: Pixels, colour: Colour | None) -> Pixels:
    """uint8 [H,W,3] RGB: the character on a colour, or on its plate."""
    below = np.full((*rgba.shape[:2], 3), colour or 0, np.float32)
    for layer in results.layers.folders:
        if colour is None and layer.stage == PLATE:
            plate = results.rgba(layer, index)
            if plate is not None:
                lay(below, plate, layer.blend)
    lay(below, rgba, "over")
    return rounded(below)


def _write_one(
    folder: Path, subject: Subject, index: int, picture: Pixels, alpha: Pixels, options: TrainingOptions
) -> None:
    mask = latent_mask(alpha)
    if options.masks == "alpha":
        picture = np.dstack([picture, mask])
    write_picture(folder / subject.name / frame_name(index), picture)
    if options.masks == "folder":
        write_picture(_mask_folder(folder, subject) / frame_name(index), mask)


def _mask_folder(folder: Path, subject: Subject) -> Path:
    return folder / f"{subject.name}_mask"


def _trigger(options: TrainingOptions, subject: Subject, *, several: bool) -> str:
    if not options.trigger:
        return subject.name.replace("_", " ")
    return f"{options.trigger}_{subject.id:02d}" if several else options.trigger


def _toml(folder: Path, who: list[Subject], options: TrainingOptions) -> str:
    """`folder`: where the set will lie; the trainer would look for relative paths where it was started."""
    lines = [
        "[[datasets]]",
        f"resolution = {options.resolution}",
        "batch_size = 1",
        "enable_bucket = true",
        "bucket_no_upscale = true",
        f"bucket_reso_steps = {STEP}",
        # The trainer refuses a resolution that isn't between these, whose defaults are 256 and 1024.
        f"min_bucket_reso = {min(_BUCKETS[0], options.resolution // STEP * STEP)}",
        f"max_bucket_reso = {max(_BUCKETS[1], -(-options.resolution // STEP) * STEP)}",
    ]
    for subject in who:
        lines += [
            "",
            "  [[datasets.subsets]]",
            f"  image_dir = {_quoted(folder / subject.name)}",
            '  caption_extension = ".txt"',
            f"  num_repeats = {options.repeats}",
        ]
        if options.masks == "alpha":
            lines.append("  alpha_mask = true")
        if options.masks == "folder":
            lines.append(f"  conditioning_data_dir = {_quoted(_mask_folder(folder, subject))}")
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    """As a TOML basic string, which JSON's is too (for the characters that paths have)."""
    return json.dumps(str(path), ensure_ascii=False)
