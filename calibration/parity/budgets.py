"""What a precision may cost, stage by stage."""

from dataclasses import dataclass

from trt_anime.errors import InputError
from trt_anime.parity import Direction, Metric

PRECISIONS = ("fp32", "fp16", "int8", "fp8")


@dataclass(frozen=True)
class Scale:
    """How a metric is read."""

    unit: str
    better: Direction


NOT_FINITE = "not_finite"

SCALES: dict[str, Scale] = {
    NOT_FINITE: Scale("values", "lower"),
    "alpha_sad": Scale("%", "lower"),  # of the sum of the reference's alpha
    "alpha_mse": Scale("thousandths", "lower"),
    "alpha_gradient": Scale("%", "lower"),  # of the sum of the reference's squared gradients
    "colour": Scale("levels", "lower"),  # premultiplied, where either has alpha
    "alpha_sad_change": Scale("%", "lower"),  # of the error against truth
    "miou_loss": Scale("points", "lower"),
    "heat_mae": Scale("levels", "lower"),
    "boundary_f": Scale("", "higher"),
    "plate_psnr": Scale("dB", "higher"),  # in the hole, as is SSIM
    "plate_ssim": Scale("", "higher"),
    "cosine": Scale("", "higher"),
    "cosine_min": Scale("", "higher"),  # of the worst frame
    "token_agreement": Scale("", "higher"),
    "caption_exact": Scale("", "higher"),
    "caption_length": Scale("tokens", "lower"),  # difference, in either direction
    "box_f": Scale("", "higher"),
    "box_iou": Scale("", "higher"),  # of the boxes that both have
    "relative_error": Scale("%", "lower"),  # of the sum of an output's values; of the worst output
}

# Stage -> metric -> precision -> the worst value that passes; a metric that isn't here only informs. FP32
# (an engine against the graph that it was built from) is held to FP16's.
#
# Goals of the project are miou_loss, and alpha_sad_change in INT8: +2 %, where +1 % is aimed at. All others
# are chosen: FP16 may cost a fifth of what INT8 may, as it does in the goal for mIoU, or less; FP8 has as
# many bits as INT8 and the same limits. What was measured: November 2026, six frames of the generator.
BUDGETS: dict[str, dict[str, dict[str, float]]] = {
    "matte": {
        # Chosen knowing what FP16 costs: MODNet 0.47, U²-Net small 0.05 with an FP32 island, 1.2 without.
        "alpha_sad": {"fp16": 0.5, "int8": 2.5, "fp8": 2.5},
        # The same three: 0.13, 0.003 and 0.50. Lines are what is seen first.
        "alpha_gradient": {"fp16": 0.5, "int8": 2.5, "fp8": 2.5},
        # The same three: 0.32, -0.02 and 1.3.
        "alpha_sad_change": {"fp16": 0.4, "int8": 2.0, "fp8": 2.0},
    },
    "segment": {"miou_loss": {"fp16": 0.2, "int8": 1.0, "fp8": 1.0}},
    "effects": {
        "miou_loss": {"fp16": 0.2, "int8": 1.0, "fp8": 1.0},
        # Half a level is what rounding to bytes can do alone; 2.5 is 1 % of the range.
        "heat_mae": {"fp16": 0.5, "int8": 2.5, "fp8": 2.5},
    },
    "mask": {
        "miou_loss": {"fp16": 0.2, "int8": 1.0, "fp8": 1.0},
        # Boundaries within 0.8 % of the diagonal are the same, so what is left are parts lost or won.
        "boundary_f": {"fp16": 0.99, "int8": 0.95, "fp8": 0.95},
    },
    "inpaint": {
        # A mean error of 1.4 and of 4.5 levels. The plate is invented: near FP32's is as good as FP32's.
        "plate_psnr": {"fp16": 45.0, "int8": 35.0, "fp8": 35.0},
        # Structure that differs is smeared texture, which PSNR forgives.
        "plate_ssim": {"fp16": 0.99, "int8": 0.95, "fp8": 0.95},
    },
    "embed": {
        # 2.6 and 8 degrees on average, 3.6 and 11 for the worst frame.
        "cosine": {"fp16": 0.999, "int8": 0.99, "fp8": 0.99},
        "cosine_min": {"fp16": 0.998, "int8": 0.98, "fp8": 0.98},
    },
    # One token that differs changes all that follow it: this counts captions that part early.
    "caption": {"token_agreement": {"fp16": 0.98, "int8": 0.9, "fp8": 0.9}},
    "detect": {
        # Boxes near the score's threshold come and go with the last digit.
        "box_f": {"fp16": 0.98, "int8": 0.95, "fp8": 0.95},
        # Of the boxes that both have; 0.95 is half a pixel at each side of a box of 40.
        "box_iou": {"fp16": 0.99, "int8": 0.95, "fp8": 0.95},
    },
}

# Of graphs whose outputs are another graph's inputs: FP16 has eleven bits, so this is some ten roundings in
# the same direction; no metric of the last graph moves by it.
OTHERS: dict[str, dict[str, float]] = {"relative_error": {"fp16": 1.0, "int8": 5.0, "fp8": 5.0}}


def metric(name: str, value: float, stage: str, precision: str) -> Metric:
    """With its unit and the limit that the budget sets, if it sets one."""
    scale = SCALES[name]
    limit = 0.0 if name == NOT_FINITE else _limit(stage, name, precision)
    return Metric(name, value, limit, scale.unit, scale.better)


def require_precision(precision: str) -> None:
    """Raises InputError where no budget knows it."""
    if precision not in PRECISIONS:
        raise InputError(f"Precision `{precision}` has no budget; there are {', '.join(PRECISIONS)}.")


def _limit(stage: str, name: str, precision: str) -> float | None:
    return BUDGETS.get(stage, OTHERS).get(name, {}).get("fp16" if precision == "fp32" else precision)
