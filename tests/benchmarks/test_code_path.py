"""What a function does ages a figure; what it looks like and where it stands doesn't."""

from pathlib import Path

import pytest

from benchmarks.code_path import changed, digests_of, fingerprint
from trt_anime.errors import InputError

CODE = '''
"""A module."""

import math

LIMIT = 3


class Box:
    """A box."""

    side: int = 2

    def area(self, scale: float) -> float:
        """Its area."""
        if scale < 0:
            raise ValueError(f"{scale} is negative")
        return scale * self.side**2  # in pixels


def whole(boxes: list[Box]) -> float:
    return math.fsum(box.area(1) for box in boxes)
'''
SAME = {
    "a docstring": ('"""Its area."""', '"""The area, in words that are better."""'),
    "no docstring": ('        """Its area."""\n', ""),
    "a comment": ("  # in pixels", ""),
    "formatting": ("return scale * self.side**2", "return (scale\n            * (self.side ** 2))"),
    "quotes": ('f"{scale} is negative"', "f'{scale} is negative'"),
    "an import": ("import math", "import math\nimport os"),
    "a type": ("boxes: list[Box]) -> float", "boxes: list[Box]) -> float | int"),
    "a field's type": ("side: int = 2", "side: float = 2"),
    "words of an error": ("is negative", "is below 0; pass a scale of 0 or more"),
}
OTHER = {
    "a constant": ("LIMIT = 3", "LIMIT = 4"),
    "a field": ("side: int = 2", "side: int = 3"),
    "a comparison": ("scale < 0", "scale <= 0"),
    "what is raised": ("raise ValueError", "raise TypeError"),
    "a result": ("self.side**2", "self.side**3"),
    "a default": ("scale: float)", "scale: float = 1)"),
    "a name": ("def whole", "def total"),
}


@pytest.mark.parametrize(("right", "other"), SAME.values(), ids=SAME)
def test_the_same_work_has_the_same_digests(right: str, other: str) -> None:
    assert right in CODE
    assert digests_of(CODE.replace(right, other)) == digests_of(CODE)


@pytest.mark.parametrize(("right", "other"), OTHER.values(), ids=OTHER)
def test_other_work_changes_one_digest(right: str, other: str) -> None:
    assert right in CODE
    before, after = digests_of(CODE), digests_of(CODE.replace(right, other))
    assert len(before) == len(after) == 4
    assert len(set(before) & set(after)) == 3


def test_digests_are_those_of_every_python() -> None:
    """`ast.dump` isn't: records are compared by whatever Python runs the tests."""
    assert digests_of("def f(a, *, b=2):\n    return [a, -b, None, 'x', f'{a:>3}']\n") == ["91ed64"]


def test_a_function_may_move_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.py").write_text(CODE)
    before = fingerprint(["folder"], tmp_path)
    body, function = CODE.split("def whole")
    (tmp_path / "folder" / "a.py").write_text(body)
    (tmp_path / "folder" / "b.py").write_text(f"def whole{function}")
    after = fingerprint(["folder"], tmp_path)
    assert list(after) == ["folder/a.py", "folder/b.py"]
    assert changed(before, after) == 0


@pytest.mark.parametrize(
    ("then", "now", "share"),
    [
        ({"a": "111111222222"}, {"a": "111111222222"}, 0),
        ({"a": "111111222222"}, {"a": "111111333333"}, 0.5),
        ({"a": "111111222222"}, {"a": "111111"}, 0.5),
        ({"a": "111111"}, {"a": "111111", "b": "222222333333444444"}, 0.75),
        ({"a": "111111111111"}, {"a": "111111"}, 0.5),
        ({}, {"a": "111111"}, 1),
        ({}, {}, 0),
    ],
)
def test_new_gone_and_other_functions_count(
    then: dict[str, str], now: dict[str, str], share: float
) -> None:
    assert changed(then, now) == share


def test_code_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: isn't there; mend what benchmarks/subjects.py"):
        fingerprint(["nowhere"], tmp_path)
