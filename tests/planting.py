"""Mistakes, planted into the source of a function: a comparison that misses them is worth nothing."""

import inspect
import sys
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest


def plant(
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., object],
    right: str,
    wrong: str,
    users: Iterable[ModuleType],
) -> None:
    """Replace `function`, in each of `users` that has it, by one with `wrong` in place of `right`."""
    source = inspect.getsource(function)
    assert right in source, f"{function.__qualname__} no longer says {right}: mend the table"
    names = dict(vars(sys.modules[function.__module__]))
    exec(source.replace(right, wrong), names)
    for user in users:
        if getattr(user, function.__name__, None) is function:
            monkeypatch.setattr(user, function.__name__, names[function.__name__])
