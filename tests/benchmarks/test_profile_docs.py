"""The report that docs/ shows is of the run that the record and the figures are of."""

import json
import re
from typing import Any

from benchmarks.profile_docs import PAGE, quoted
from benchmarks.subjects import SUBJECTS


def test_the_report_is_of_the_recorded_run() -> None:
    data = re.search(r'id="data">(.*?)</script>', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert data is not None
    page: dict[str, Any] = json.loads(data[1])
    recorded = SUBJECTS["profile"].read()["profile"]
    shown = quoted(page)
    for name in ("fps", "verdict", "passes", "networks"):
        assert shown[name] == recorded[name]
