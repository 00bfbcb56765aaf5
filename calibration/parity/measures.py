"""What each stage's outputs are judged by: sums that add up over frames, and metrics made of such sums.

A ratio of sums weighs each pixel alike: a frame with hardly a character in it can't outweigh the film.
Frames that show nothing of what a stage is for prove nothing, and are refused.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.metrics import boxes, captions, embeddings, masks, matte, plates
from trt_anime.calibration.parity.case import Array, Case
from trt_anime.errors import InputError

Totals = dict[str, Any]  # numbers, and what else adds up
Values = dict[str, float]

LOWEST = "lowest"  # the one total of which the lowest is kept, not the sum

LEAST_AREA = 0.001  # of the pixels: with less, a matte's errors in percent say nothing
INSIDE = 128  # from this level on a byte is inside its mask
SCORE = 0.3  # from which on a box counts; GroundingDINO's usual threshold is 0.25 to 0.35
PSNR_CAP = 100.0  # dB: what stands for equal plates, so that the value fits into JSON


def added(totals: Totals, more: Totals) -> Totals:
    """Totals of both; `totals` may be empty."""
    if not totals:
        return more
    lowest = {name: min(totals[name], more[name]) for name in more if name == LOWEST}
    return {name: totals[name] + more[name] for name in more} | lowest


def premultiplied(rgba: Array) -> NDArray[np.uint8]:
    """Colour times alpha, rounded, uint8 [...,4]: where alpha is 0 colour means nothing."""
    alpha = rgba[..., 3:].astype(np.uint16)
    colour = ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return np.concatenate([colour, rgba[..., 3:]], axis=-1)


def value_totals(case: Case) -> Totals:
    """All outputs that are numbers, not labels, in any shape."""
    totals: Totals = {}
    for name, reference in case.reference.items():
        if np.issubdtype(reference.dtype, np.floating) or reference.dtype == np.uint8:
            gap = case.candidate[name].astype(np.float64) - reference
            totals[f"gap {name}"] = float(np.abs(gap).sum())
            totals[f"sum {name}"] = float(np.abs(reference.astype(np.float64)).sum())
    return totals


def value_values(totals: Totals) -> Values:
    sums = {name.removeprefix("sum "): total for name, total in totals.items() if name.startswith("sum ")}
    errors = [totals[f"gap {name}"] / max(total, 1e-12) for name, total in sums.items()]
    return {"relative_error": 100 * max(errors, default=0.0)}


def matte_totals(case: Case) -> Totals:
    """`rgba` uint8 [H,W,4]; truth: alpha, floating [H,W], 0..1."""
    reference, candidate = _bytes(case, "rgba", 3)
    ours, theirs = (premultiplied(rgba).astype(np.float64) for rgba in (reference, candidate))
    alpha, other = ours[..., 3] / 255, theirs[..., 3] / 255
    gap = other - alpha
    slope = matte.gradient_magnitude(alpha)
    totals = {
        "sad": float(np.abs(gap).sum()),
        "squared": float(np.square(gap).sum()),
        "area": float(alpha.sum()),
        "pixels": gap.size,
        "slope_gap": float(np.square(matte.gradient_magnitude(other) - slope).sum()),
        "slope": float(np.square(slope).sum()),
        "colour": float(np.abs(theirs - ours)[..., :3].sum()) / 3,
        "seen": int(np.count_nonzero(np.maximum(alpha, other))),
    }
    if case.truth is None:
        return totals
    if case.truth.shape != alpha.shape or not np.issubdtype(case.truth.dtype, np.floating):
        raise InputError(
            f"The true alpha is {case.truth.dtype} {case.truth.shape}; pass floating {alpha.shape}, 0..1."
        )
    exact = case.truth.astype(np.float64)
    if not (exact.min() >= 0 and exact.max() <= 1):
        raise InputError(f"The true alpha has values in {exact.min():g}..{exact.max():g}; pass 0..1.")
    errors = {"true_sad": other - exact, "reference_sad": alpha - exact}
    return totals | {name: float(np.abs(error).sum()) for name, error in errors.items()}


def matte_values(totals: Totals) -> Values:
    _require(totals["area"] >= LEAST_AREA * totals["pixels"], "a character")
    values = {
        "alpha_sad": 100 * totals["sad"] / totals["area"],
        "alpha_mse": 1000 * totals["squared"] / totals["pixels"],
        "alpha_gradient": 100 * totals["slope_gap"] / max(totals["slope"], 1.0),
        "colour": totals["colour"] / max(totals["seen"], 1),
    }
    if "true_sad" in totals:
        change = totals["true_sad"] - totals["reference_sad"]
        values["alpha_sad_change"] = 100 * change / max(totals["reference_sad"], 1.0)
    return values


def index_totals(case: Case) -> Totals:
    """`index` uint8 [H,W]."""
    reference, candidate = _bytes(case, "index", 2)
    return {"overlap": masks.class_overlap(reference, candidate)}


def index_values(totals: Totals) -> Values:
    _require(len(totals["overlap"].iou()) > 1, "more than one segment")
    return {"miou_loss": 100 * (1 - totals["overlap"].mean_iou())}


def heat_totals(case: Case) -> Totals:
    """`heat` uint8 [P,H,W], one plane a prompt; P is the same for all frames."""
    reference, candidate = _bytes(case, "heat", 3)
    return {
        "overlap": masks.mask_overlap(reference >= INSIDE, candidate >= INSIDE),
        "gap": float(np.abs(reference.astype(np.int16) - candidate).sum()),
        "pixels": reference.size,
    }


def heat_values(totals: Totals) -> Values:
    _require(bool(totals["overlap"].union.any()), "an effect")
    return {
        "miou_loss": 100 * (1 - totals["overlap"].mean_iou()),
        "heat_mae": totals["gap"] / totals["pixels"],
    }


def mask_totals(case: Case) -> Totals:
    """`mask` uint8 [N,H,W], each an object of its own; empty ones in both don't count."""
    reference, candidate = (planes >= INSIDE for planes in _bytes(case, "mask", 3))
    ious = masks.mask_overlap(reference, candidate).iou()
    return {
        "iou": sum(ious.values()),
        "boundary": sum(masks.boundary_f(reference[index], candidate[index]) for index in ious),
        "masks": len(ious),
    }


def mask_values(totals: Totals) -> Values:
    _require(totals["masks"] > 0, "a masked object")
    return {
        "miou_loss": 100 * (1 - totals["iou"] / totals["masks"]),
        "boundary_f": totals["boundary"] / totals["masks"],
    }


def plate_totals(case: Case) -> Totals:
    """`plate` uint8 [H,W,3], and the input `hole` uint8 [H,W]."""
    reference, candidate = _bytes(case, "plate", 3)
    if "hole" not in case.inputs:
        raise InputError("The frames for inpaint have no input `hole`; pass uint8 batch x height x width.")
    hole = case.inputs["hole"] >= INSIDE
    return {
        "squared": plates.squared_error(reference, candidate, hole),
        "similarity": plates.similarity(reference, candidate, hole),
        "pixels": int(np.count_nonzero(hole)),
    }


def plate_values(totals: Totals) -> Values:
    _require(totals["pixels"] > 0, "a hole")
    psnr = plates.psnr_of_mse(totals["squared"] / totals["pixels"])
    return {"plate_psnr": min(psnr, PSNR_CAP), "plate_ssim": totals["similarity"] / totals["pixels"]}


def embedding_totals(case: Case) -> Totals:
    """`embedding` float16 or float32 [D]."""
    reference, candidate = (side["embedding"][None] for side in (case.reference, case.candidate))
    similarity = float(embeddings.cosine_rows(reference, candidate)[0])
    return {"cosine": similarity, LOWEST: similarity, "rows": 1}


def embedding_values(totals: Totals) -> Values:
    return {"cosine": totals["cosine"] / totals["rows"], "cosine_min": totals[LOWEST]}


def caption_totals(case: Case) -> Totals:
    """`tokens` int64 [T]."""
    pair = ([side["tokens"]] for side in (case.reference, case.candidate))
    return {"agreement": captions.agreement(*pair, stop=case.stop_token)}


def caption_values(totals: Totals) -> Values:
    found: captions.Agreement = totals["agreement"]
    _require(found.positions > 0, "something that is named")
    return {
        "token_agreement": found.tokens,
        "caption_exact": found.exact_match,
        "caption_length": found.length_difference / found.captions,
    }


def box_totals(case: Case) -> Totals:
    """`boxes` floating [N,4], x0 y0 x1 y1 in pixels of the frame, and `scores` floating [N], 0..1."""
    reference, candidate = (
        side["boxes"][side["scores"] >= SCORE] for side in (case.reference, case.candidate)
    )
    return {"matches": boxes.match(reference, candidate)}


def box_values(totals: Totals) -> Values:
    found: boxes.Matches = totals["matches"]
    _require(found.reference + found.candidate > 0, "an object that is found")
    return {"box_f": found.f_measure, "box_iou": found.overlap / max(found.matched, 1)}


def _bytes(case: Case, output: str, dimensions: int) -> tuple[Array, Array]:
    pair = case.reference[output], case.candidate[output]
    for array in pair:
        if array.dtype != np.uint8 or array.ndim != dimensions:
            raise InputError(
                f"`{output}` is {array.dtype} with {array.ndim} dimensions a frame; it must be uint8 with"
                f" {dimensions}."
            )
    return pair


def _require(enough: bool, what: str) -> None:
    if not enough:
        raise InputError(
            f"None of the frames shows {what}, so they prove nothing; pass frames with {what}."
        )
