"""Is a candidate (a typed graph, an engine) near enough to its reference (the FP32 graph)? Measured.

`compare` runs both on the same frames and gives a `trt_anime.parity.Parity` and the worst frame.
"""

from trt_anime.calibration.parity.budgets import BUDGETS
from trt_anime.calibration.parity.case import Case, Run
from trt_anime.calibration.parity.compare import Comparison, compare
from trt_anime.calibration.parity.onnx_run import run_with_onnxruntime
from trt_anime.calibration.parity.pictures import worst_picture, worst_png
from trt_anime.calibration.parity.tasks import TASKS

__all__ = [
    "BUDGETS",
    "TASKS",
    "Case",
    "Comparison",
    "Run",
    "compare",
    "run_with_onnxruntime",
    "worst_picture",
    "worst_png",
]
