"""In what two profiles differ besides their times: sentences beside a comparison, which refuses nothing."""

from collections.abc import Iterator
from typing import Any

# Asked for; what was used in the end is told by itself.
_ASKED = ("device", "provider", "precision", "stages", "batch_size", "threads", "latencies")


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Both are what `profile.json` says."""
    first, second = _facts(before), _facts(after)
    if "choices" in before and "choices" in after:
        first, second = ({**one, **_flat(of["choices"])} for one, of in ((first, before), (second, after)))
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name, "nothing"), second.get(name, "nothing")
        if one != other:
            yield f"{name}: {one} against {other}"
    for name, profile in (("the first", before), ("the second", after)):
        if profile["others_cores_busy"] > 0.1 * profile["machine"]["usable_cores"]:
            busy = profile["others_cores_busy"]
            yield f"{name} was measured while other programs kept {busy:.1f} cores busy"
    if len(before["runs"]) + len(after["runs"]) < 3:
        yield "one run each: nothing tells how runs differ by themselves, so nothing can fail; use --runs 3"
    elif len(before["runs"]) < 3 or len(after["runs"]) < 3:
        yield "fewer than 3 runs: only large slowdowns stand out; use --runs 3 or more"


def _facts(profile: dict[str, Any]) -> dict[str, Any]:
    clip, options, machine = profile["clip"], profile["options"], profile["machine"]
    found: dict[str, Any] = {
        "version": profile.get("version"),
        "kind": profile.get("kind", "frames"),
        "clip": clip.get("path"),
        "clip's size": f"{clip['width']}x{clip['height']}",
        "clip's frames": clip.get("frames"),
        "device": profile["device"]["title"],
        "processor": machine.get("cpu"),
        "cores": machine["usable_cores"],
        "threads": options.get("threads") or machine["usable_cores"],
        "batch": _batch(profile),
        "stages": _stages(profile),
        **{name: value for name, value in options.items() if name not in _ASKED},
    }
    return {**found, **machine.get("packages", {})}


def _flat(choices: dict[str, Any], within: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in choices.items():
        found |= _flat(value, f"{within}{name}.") if isinstance(value, dict) else {f"{within}{name}": value}
    return found


def _batch(profile: dict[str, Any]) -> int:
    given = (
        profile["options"]["batch_size"] if profile.get("kind") == "chain" else profile["memory"]["batch"]
    )
    return int(given)


def _stages(profile: dict[str, Any]) -> str:
    """What ran; each model of several stages once."""
    if profile.get("kind") == "chain":
        ran = [(row["stage"], row["model"], row) for row in profile["networks"]]
    else:
        ran = [(stage["number"], stage["model"], stage) for stage in profile["stages"]]
    words = [f"{number} {model} {row['precision']} on {row['provider']}" for number, model, row in ran]
    return ", ".join(dict.fromkeys(words)) or "nothing"
