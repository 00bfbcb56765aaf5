"""What to do next: true of what was measured, of the host's work as of networks, and nothing twice."""

from typing import Any

from trt_anime.runtime.profiling.chain.advice import verdict


def row(name: str, stages: str, cadence: str, s: float, **spent_s: float) -> dict[str, Any]:
    functions = [{"name": f"{name}/a.py one", "s": 0.75 * s}, {"name": f"{name}/b.py two", "s": 0.1 * s}]
    shares = {"share": s / 20, "fps": 8 / s, "frames": 8, "network_s": spent_s.get("network", 0.0)}
    return {
        **{"name": name, "stages": stages, "cadence": cadence, "s": s, "open_s": 0.0},
        **{"spent_s": spent_s, "functions": functions if "compute" in spent_s else [], **shares},
    }


def network(stage: str, model: str, share: float, **changes: Any) -> dict[str, Any]:
    told = {"stage": stage, "model": model, "during": "matte" if stage == "2a" else "segment"}
    return told | {"share": share, "precision": "fp32", "provider": "CPUExecutionProvider"} | changes


def said(networks: list[dict[str, Any]], **options: Any) -> list[str]:
    """Of a run whose plates take half of the time, nearly all of it on the host."""
    facts = {
        "passes": [
            row("matte", "2a", "fresh frame", 6.0, network=5.5, compute=0.5),
            row("segment", "1", "key frame", 4.0, network=3.5, compute=0.5),
            row("plate", "2c", "shot", 10.0, compute=9.0, network=1.0),
        ],
        "networks": networks,
        "elapsed_s": 20.0,
        "choices": {"annotation": {"captions": "none"}, "tracking": {"method": "flow"}},
        "device": {"name": "cpu"},
        "others_cores_busy": 0.0,
        "machine": {"usable_cores": 2},
        "options": {"threads": 0, "held": True, "preset": "fast", **options},
        "clip": {"path": "film.mp4"},
    }
    found = verdict(facts, {})
    assert found["headline"].startswith("The pass “plate” takes most: 50% of the time (10.0 s, 0.80 FPS)")
    sentences: list[str] = found["next"]
    return sentences


def test_the_host_s_work_in_a_pass_has_functions_and_what_lightens_it() -> None:
    first = said([])[0]
    assert first == (
        "The host's own computing in pass `plate` took 45% of the time, most in `plate/a.py one` (7.5 s), "
        "`plate/b.py two` (1.0 s): leave out stage 2c (`--stages`) where nobody needs what it makes; on 8 "
        "cores and more it takes several shots at a time."
    )
    assert "`--preset fast` takes more frames for repeats" in said([], preset="balanced")[0]
    [cores] = [sentence for sentence in said([], threads=1) if "--threads" in sentence]
    assert cores.startswith("Only 1 of 2 cores may be used")
    assert not any("--threads" in sentence for sentence in said([]))


def test_a_network_is_spoken_of_once() -> None:
    matte, sam = network("2a", "u2netp", 0.3), network("1", "mobile-sam", 0.28)
    of_matte = [sentence for sentence in said([matte, sam]) if "u2netp" in sentence]
    assert len(of_matte) == 1 and "calibrate u2netp" in of_matte[0] and "openvino" in of_matte[0]
    both = said([matte, network("1", "mobile-sam", 0.35)])
    assert [("calibrate" in one, "openvino" in one) for one in both[1:3]] == [(True, False), (False, True)]
    assert both[2].startswith("mobile-sam (pass `segment`) took 35%")


def test_an_int8_matte_is_offered_another_library_alone() -> None:
    sentences = said([network("2a", "u2netp", 0.3, precision="int8")])
    assert not any("calibrate" in sentence for sentence in sentences)
    assert any(sentence.startswith("u2netp (pass `matte`) took 30%") for sentence in sentences)
