"""What CLIP looks for in frames: groups of tags, to be edited, or replaced by a file of the user's.

A tag's name is as people search for it; its phrase is what stands in the templates, in words that CLIP's
training texts have.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError

TEMPLATES = ("an anime screenshot of {}", "anime art of {}", "a drawing of {}")
SETTINGS = ("an anime scene {}", "anime background art, {}", "a drawing of a place, {}")
SHOTS = ("an anime screenshot, {}", "anime art, {}")
LOOKS = ("anime art with {}", "an anime screenshot, {}")


@dataclass(frozen=True)
class Group:
    """Tags that are weighed against each other.

    Attributes:
        tags: name -> phrase.
        templates: with ``{}`` where the phrase goes; the vectors of all are averaged.
        several: whether more than one may hold of a frame; each is then weighed against `neutral` alone.
        neutral: the phrase for none of them.
        threshold: 0..1, the least score that counts.
    """

    name: str
    tags: Mapping[str, str]
    templates: tuple[str, ...] = TEMPLATES
    several: bool = True
    neutral: str = "something"
    threshold: float = 0.6


Vocabulary = tuple[Group, ...]


def _same(names: str) -> dict[str, str]:
    """Comma-separated tags whose phrases are their names."""
    return {name.strip(): name.strip() for name in names.split(",")}


VOCABULARY: Vocabulary = (
    Group(
        "subjects",
        {
            "no people": "scenery without people",
            "1girl": "one girl",
            "1boy": "one boy",
            "2 people": "two people",
            "group": "a group of people",
            "crowd": "a crowd of people",
            "animal": "an animal",
            "robot": "a robot",
            "monster": "a monster",
        },
        several=False,
        threshold=0.35,
    ),
    Group(
        "hair",
        {
            f"{colour} hair": f"a character with {colour} hair"
            for colour in ("black", "brown", "blonde", "red", "orange", "pink", "purple", "blue", "green")
        }
        | {"white hair": "a character with white or silver hair"}
        | {
            f"{style}": f"a character with {style}"
            for style in ("long hair", "short hair", "twintails", "a ponytail", "braids", "spiky hair")
        },
        neutral="a character",
    ),
    Group(
        "clothes",
        {
            name.removeprefix("a "): f"a character wearing {name}"
            for name in (
                "a school uniform",
                "armor",
                "a dress",
                "a kimono",
                "a suit",
                "a coat",
                "a hoodie",
                "a swimsuit",
                "a military uniform",
                "a maid outfit",
                "glasses",
                "a hat",
                "a mask",
                "a cape",
            )
        },
        neutral="a character wearing clothes",
    ),
    Group(
        "setting",
        {
            "classroom": "in a classroom",
            "bedroom": "in a bedroom",
            "kitchen": "in a kitchen",
            "office": "in an office",
            "street": "on a city street",
            "rooftop": "on a rooftop",
            "station": "at a railway station",
            "forest": "in a forest",
            "field": "in a grassy field",
            "mountains": "in the mountains",
            "beach": "on a beach",
            "underwater": "under water",
            "sky": "in the sky above the clouds",
            "space": "in outer space",
            "castle": "in a castle",
            "shrine": "at a shrine",
            "ruins": "in ruins",
            "battlefield": "on a battlefield",
            "laboratory": "in a laboratory",
            "cockpit": "in a cockpit",
            "stage": "on a concert stage",
            "abstract background": "on an abstract background",
        },
        templates=SETTINGS,
        several=False,
        neutral="somewhere",
        threshold=0.3,
    ),
    Group(
        "time of day",
        {
            "day": "in bright daylight",
            "sunset": "at sunset",
            "night": "at night",
            "dawn": "at dawn",
        },
        templates=SETTINGS,
        several=False,
        neutral="at some time",
        threshold=0.4,
    ),
    Group(
        "weather",
        {"rain": "in the rain", "snow": "in falling snow", "fog": "in fog", "storm": "in a storm"},
        templates=SETTINGS,
        neutral="in clear weather",
        threshold=0.7,
    ),
    Group(
        "shot",
        {
            "extreme close-up": "an extreme close-up of eyes",
            "close-up": "a close-up of a face",
            "medium shot": "a medium shot from the waist up",
            "full body": "a full body shot",
            "wide shot": "a wide establishing shot",
            "from above": "seen from above",
            "from below": "seen from below",
            "from behind": "a character seen from behind",
        },
        templates=SHOTS,
        several=False,
        neutral="a shot",
        threshold=0.3,
    ),
    Group(
        "effects",
        _same(
            "fire, smoke, explosion, lightning, energy beam, magic circle, glowing aura, sparks,"
            " light rays, lens flare, falling petals, flying debris, dust cloud, water splash, blood,"
            " bubbles, ice, speed lines, impact frame, motion blur, glowing particles, laser,"
            " muzzle flash, shock wave"
        ),
        templates=LOOKS,
        neutral="no effects",
        threshold=0.7,
    ),
    Group(
        "mood",
        _same("calm, tense, sad, joyful, frightening, romantic, mysterious, comical, heroic, angry"),
        templates=("a {} anime scene", "anime art with a {} mood"),
        several=False,
        neutral="ordinary",
        threshold=0.35,
    ),
)


def read_vocabulary(path: Path) -> Vocabulary:
    """The user's own, in place of `VOCABULARY`.

    A ``.json`` file holds an object of groups, each a list of tags, an object of names and phrases, or an
    object with ``tags`` and any of ``templates``, ``several``, ``neutral`` and ``threshold``. Any other
    file is text: a tag a line, or ``name = phrase``; ``[name]`` begins a group, ``#`` a comment.

    Raises InputError: it can't be read, or something in it isn't so.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the vocabulary can't be read ({error})") from error
    if path.suffix.lower() == ".json":
        groups = _from_json(text, path)
    else:
        groups = tuple(Group(name, tags) for name, tags in _from_lines(text.splitlines()).items())
    if not any(group.tags for group in groups):
        raise InputError(f"{path}: the vocabulary has no tags; write one a line")
    return groups


def _from_lines(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    group = "tags"
    for line in lines:
        words = line.partition("#")[0].strip()
        if words.startswith("[") and words.endswith("]"):
            group = words[1:-1].strip()
        elif words:
            name, _, phrase = (part.strip() for part in words.partition("="))
            groups.setdefault(group, {})[name] = phrase or name
    return groups


def _from_json(text: str, path: Path) -> Vocabulary:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error})") from error
    if not isinstance(table, dict):
        raise InputError(f"{path}: should hold one JSON object of groups, {{...}}")
    return tuple(_group(name, value, path) for name, value in table.items())


def _group(name: str, value: Any, path: Path) -> Group:
    table = dict(value) if isinstance(value, dict) and "tags" in value else {"tags": value}
    tags = table.pop("tags")
    if isinstance(tags, list):
        tags = {tag: tag for tag in tags if isinstance(tag, str)} if _are_words(tags) else None
    if not isinstance(tags, dict) or not _are_words(tags.values()):
        raise InputError(f"{path}: the tags of '{name}' should be a list of words, or names and phrases")
    if "templates" in table:
        table["templates"] = _templates(table["templates"], name, path)
    kinds: dict[str, Any] = {"templates": tuple, "several": bool, "neutral": str, "threshold": (int, float)}
    for key, setting in table.items():
        if key not in kinds:
            raise InputError(f"{path}: '{name}' has no setting '{key}'; use tags, {', '.join(kinds)}")
        if not isinstance(setting, kinds[key]):
            raise InputError(f"{path}: {key} of '{name}' can't be {setting!r}")
    return Group(name, tags, **table)


def _templates(value: Any, name: str, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not _are_words(value):
        raise InputError(
            f"{path}: the templates of '{name}' should be a list of sentences with {{}} in them"
        )
    if wrong := [template for template in value if template.count("{}") != 1]:
        raise InputError(f"{path}: the template '{wrong[0]}' of '{name}' should have one {{}} for the tag")
    return tuple(value)


def _are_words(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) and value.strip() for value in values)
