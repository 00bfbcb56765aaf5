"""What device null predicted is told beside what was measured, as it was found."""

from typing import Any

from benchmarks import null_chain
from benchmarks.subjects import SUBJECTS

FOUND: dict[str, Any] = {
    "date": "2026-01-01T00:00Z",
    "machine": "a CPU, 2 cores",
    "versions": "v",
    "threads": 2,
    "size": "1280x720",
    "frames": 48,
    "others": 0.01,
    "rounds": [
        {"measured": {"matte": 10.0, "plate": 20.0}, "predicted": {"matte": 11.0, "plate": 19.0}},
        {"measured": {"matte": 10.0, "plate": 22.0}, "predicted": {"matte": 12.0, "plate": 24.0}},
        {"measured": {"matte": 10.0, "plate": 24.0}, "predicted": {"matte": 13.0, "plate": 27.0}},
    ],
}
for one, core_s in zip(FOUND["rounds"], (0.9, 0.7, 0.8), strict=True):
    one["core_s"] = core_s


def test_errors_are_medians_over_rounds() -> None:
    text = null_chain.document(FOUND)
    assert "| matte | 10.0 (10.0–10.0) | 12.0 (11.0–13.0) | +20 % |" in text  # noqa: RUF001
    assert "| plate | 22.0 (20.0–24.0) | 24.0 (19.0–27.0) | +9 % |" in text  # noqa: RUF001
    assert "| all | 32.0 (30.0–34.0) | 36.0 (30.0–40.0) | +12 % |" in text  # noqa: RUF001
    assert "1.50 FPS measured, 1.33 predicted: off by -11 % in the median, by -15 % at worst" in text
    assert "not quiet" not in text and "not quiet" in null_chain.document(FOUND | {"others": 0.5})


def test_the_planner_knows_the_processors_work_of_the_record() -> None:
    assert "CORE_S_PER_MEGAPIXEL = 0.868\n" in null_chain.module_of(FOUND)
    kept = SUBJECTS["null_chain"].read()
    assert null_chain.MODULE.read_text(encoding="utf-8") == null_chain.module_of(kept)
