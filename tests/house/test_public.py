"""The public package: eight errors and a version."""

from typing import TypeGuard

import trt_anime
from trt_anime import errors

TREE = {
    "TrtAnimeError": (Exception, 1),
    "InputError": (errors.TrtAnimeError, 2),
    "CheckpointError": (errors.InputError, 2),
    "MissingError": (errors.TrtAnimeError, 3),
    "ExportError": (errors.TrtAnimeError, 1),
    "EngineError": (errors.TrtAnimeError, 1),
    "DownloadError": (errors.TrtAnimeError, 1),
    "OutputError": (errors.TrtAnimeError, 1),
}
BUILTINS = {"InputError": ValueError, "MissingError": LookupError, "OutputError": OSError}


def test_all() -> None:
    assert sorted(trt_anime.__all__) == sorted([*TREE, "__version__"])
    for name in TREE:
        assert getattr(trt_anime, name) is getattr(errors, name)


def test_tree() -> None:
    defined = {name: kind for name, kind in vars(errors).items() if _is_ours(kind)}
    assert defined.keys() == TREE.keys()
    for name, (base, code) in TREE.items():
        assert defined[name].__bases__[0] is base
        assert defined[name].exit_code == code
        assert issubclass(defined[name], BUILTINS.get(name, Exception))


def _is_ours(value: object) -> TypeGuard[type[errors.TrtAnimeError]]:
    return isinstance(value, type) and value.__module__ == errors.__name__


def test_tree_is_drawn_as_it_is() -> None:
    """The docstring's drawing names each class once, with its exit code, below its base."""
    drawn: dict[str, tuple[int, int]] = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("├──", "   ").replace("└──", "   ").replace("│", " ")
        if "exit code" in words:
            name, _, rest = words.strip().partition(" ")
            drawn[name] = (len(words) - len(words.lstrip()), int(rest.split()[2]))
    assert {name: code for name, (_, code) in drawn.items()} == {name: c for name, (_, c) in TREE.items()}
    depths = sorted({indent for indent, _ in drawn.values()})
    for name, (indent, _) in drawn.items():
        classes = [c for c in getattr(errors, name).__mro__ if c.__module__ == errors.__name__]
        assert depths.index(indent) == len(classes) - 1
