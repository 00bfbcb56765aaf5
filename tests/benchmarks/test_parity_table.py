from benchmarks.parity_table import table
from trt_anime.parity import Metric, Parity, TensorDifference


def test_table() -> None:
    sad, psnr = (
        Metric("alpha_sad", 0.44543, 0.5, "%", "lower"),
        Metric("plate_psnr", 31.0, 35.0, "dB", "higher"),
    )
    mse = Metric("alpha_mse", 0.5, None, "", "lower")
    tensors = {"rgba": TensorDifference(84.0, 0.2, 4.0, (0.0, 1.0), (1,))}
    good = Parity("fp32", "fp16", 6, (sad, mse), tensors, 3)
    bad = Parity("fp32", "int8", 6, (psnr,), {}, 3)
    assert table({"modnet fp16": good, "lama int8": bad}).splitlines() == [
        "| candidate | frames | alpha_sad | alpha_mse | plate_psnr | largest difference | p99 | passed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| modnet fp16 | 6 | 0.4454 % (≤ 0.5) | 0.5 | – | 84 | 4 | yes |",  # noqa: RUF001
        "| lama int8 | 6 | – | – | **31 dB** (≥ 35) | 0 | 0 | **no** |",  # noqa: RUF001
    ]
