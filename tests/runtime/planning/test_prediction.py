"""The arithmetic of a forecast, on costs and ceilings of round numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.pipeline.fakes import node
from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.effects import EffectPrompt
from trt_anime.runtime.passes.choices import PRESETS
from trt_anime.runtime.pipeline.chain import chain_of
from trt_anime.runtime.pipeline.plan import SLOTS_BESIDE_LANES, plan_memory
from trt_anime.runtime.planning.ceilings import Ceiling, measured_cpu, published, same_card
from trt_anime.runtime.planning.costs import Cost, Work, find
from trt_anime.runtime.planning.known import COSTS
from trt_anime.runtime.planning.loads import STAGES, Load, loads_of, loads_of_graphs, loads_of_preset
from trt_anime.runtime.planning.memory import line_bytes
from trt_anime.runtime.planning.prediction import Forecast, forecast, run_s
from trt_anime.runtime.planning.profiles import Profile, load_profile
from trt_anime.runtime.sessions.cpu_runs import run_bytes
from trt_anime.stage import StageInfo

# 1 TFLOPS in FP32, twice that in FP16, 100 GB/s, all of it reached.
CEILING = Ceiling(
    "rtx4090", "made up", {"fp32": 1e12, "fp16": 2e12}, 1e11, 8e9, math_share=1, copy_share=1, kernel_s=0
)
PIXELS = 1280 * 720
MATH = Work("math", 10, 4e9, 1e8)  # 4 ms of arithmetic, 1 ms of bytes in FP32
MOVED = Work("moved", 5, 0, 2e8)  # 2 ms
FUSED = Work("fused", 20, 0, 9e9)


def cost(*works: Work, height: int = 720, model: str = "u2netp", graph: str = "matte") -> Cost:
    return Cost(model, graph, height, works, 1e8, 2e8)


@pytest.mark.parametrize(("precision", "seconds"), [("fp32", 0.004 + 0.002), ("fp16", 0.002 + 0.002)])
def test_the_slower_of_arithmetic_and_bytes_counts(precision: Any, seconds: float) -> None:
    found = run_s([cost(MATH, MOVED, FUSED)], CEILING, pixels=PIXELS, precision=precision)
    assert found == pytest.approx(seconds)


def test_arithmetic_on_elements_is_free_only_where_it_is_fused() -> None:
    unfused = replace(CEILING, fuses=False)
    assert run_s([cost(FUSED)], CEILING, pixels=PIXELS, precision="fp32") == 0
    assert run_s([cost(FUSED)], unfused, pixels=PIXELS, precision="fp32") == pytest.approx(0.09)


def test_no_operator_is_faster_than_a_kernels_start() -> None:
    slow = replace(CEILING, kernel_s=1e-3)
    assert run_s([cost(MATH)], slow, pixels=PIXELS, precision="fp32") == pytest.approx(0.010)


def test_shares_of_the_ceilings_stretch_the_time() -> None:
    half = replace(CEILING, math_share=0.5)
    assert run_s([cost(MATH)], half, pixels=PIXELS, precision="fp32") == pytest.approx(0.008)


def test_between_two_sizes_time_grows_with_the_pixels() -> None:
    small = cost(MATH, Work("moved", 1, 0, 1e8))
    large = cost(MATH, Work("moved", 1, 0, 2.25e8), height=1080)
    at = [run_s([small, large], CEILING, pixels=PIXELS * times, precision="fp32") for times in (1, 2.25, 9)]
    assert at == pytest.approx([0.005, 0.00625, 0.013])


def made(fps: float = 25.0, ceiling: Ceiling = CEILING, **given: Any) -> Forecast:
    loads = [Load("2a", "u2netp", "matte"), Load("1", "lama", "inpaint", 4)]
    costs = [cost(MATH, MOVED), cost(MATH, model="lama", graph="inpaint")]
    return forecast(loads, costs, ceiling, width=1280, height=720, precision="fp32", fps=fps, **given)


def test_a_graph_counts_as_often_as_it_runs() -> None:
    found = made()
    assert [line.stage for line in found.lines] == ["1", "2a"]
    assert found.frame_s == pytest.approx(0.006 + 0.004 / 4)
    assert found.fps == pytest.approx(1 / 0.007)
    assert found.basis == "predicted"


@pytest.mark.parametrize(("fps", "gpus"), [(25, 1), (142, 1), (143, 2), (300, 3)])
def test_gpus_are_as_many_as_the_goal_needs(fps: float, gpus: int) -> None:
    assert made(fps).gpus == gpus


def test_memory_holds_all_weights_and_a_chain_that_does_not_fit_needs_another_gpu() -> None:
    found = made()
    assert found.memory_bytes > 6e8 + 2 * (1e8 + 2e8)
    assert made(ceiling=replace(CEILING, memory_bytes=1e9)).gpus == 0


def bytes_at(model: str, graph: str, pixels: float, stage: str = "1") -> float:
    known = find(COSTS, model, graph)
    found = line_bytes(Load(stage, model, graph), known, pixels=pixels, precision="fp32")
    return found - known[0].weights_bytes


def test_at_4k_a_network_of_its_own_size_takes_hardly_more_than_at_1080p() -> None:
    """Of sam-vit-b's 2.5 GB nothing but the frame grows."""
    small, large = (bytes_at("sam-vit-b", "image", 1920 * 1080 * times) for times in (1, 4))
    assert small == pytest.approx(2.504e9 + 15 * 1920 * 1080, rel=0.01)
    assert large - small < 0.15e9


@pytest.mark.parametrize(
    ("model", "graph", "counted"),
    [("u2netp", "matte", 471.6e6), ("modnet", "matte", 468.9e6), ("migan", "inpaint", 709.3e6)],
)
def test_memory_at_4k_is_not_below_what_was_counted_there(model: str, graph: str, counted: float) -> None:
    assert bytes_at(model, graph, 3840 * 2160) >= counted


@pytest.mark.parametrize(("model", "network"), [("u2netp", (320, 320)), ("modnet", None)])
@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (2160, 3840)])
def test_stage_2a_takes_what_the_memory_plan_reserves(
    model: str, network: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    info = StageInfo("matte", model, "", "", "", {}, network_size=network)
    own = run_bytes(info, {"frame": (1, *size, 3)})
    matte = node(NullDevice(), "2a", own=own)
    plan = plan_memory(
        lambda batch: chain_of([matte], batch=batch, height=size[0], width=size[1]),
        batch=1,
        depth=1 + SLOTS_BESIDE_LANES,
        lanes=1,
        free_bytes=10**11,
        shared=False,
    )
    found = bytes_at(model, "matte", size[0] * size[1], "2a")
    assert found == pytest.approx(plan.size_bytes("device"), rel=0.001)


def test_frames_of_any_shape_count_by_their_pixels() -> None:
    wide, tall, broad = (
        forecast(loads_of(["u2netp"]), COSTS, CEILING, width=w, height=h, precision="fp32", fps=25)
        for w, h in ((1920, 1080), (1080, 1920), (2560, 1080))
    )
    assert (tall.frame_s, tall.memory_bytes, tall.host_core_s) == pytest.approx(
        (wide.frame_s, wide.memory_bytes, wide.host_core_s)
    )
    assert broad.frame_s > wide.frame_s and broad.host_core_s == pytest.approx(4 / 3 * wide.host_core_s)
    told = [any("16:9" in note for note in one.notes) for one in (wide, tall, broad)]
    assert told == [False, False, True]


def test_a_measured_stage_stands_in_place_of_the_predicted_one_and_says_so() -> None:
    profile = Profile("NVIDIA GeForce RTX 4090", "run.json", {"2a": 0.003, "9": 1.0})
    found = made(profile=profile)
    by_stage = {line.stage: line for line in found.lines}
    assert (by_stage["2a"].basis, by_stage["2a"].frame_s) == ("measured", 0.003)
    assert (by_stage["1"].basis, "9" in by_stage) == ("predicted", False)
    assert found.basis == "predicted"  # as a whole
    assert any(note.startswith("measured: stages 2a, by run.json") for note in found.notes)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (Profile("L4", "run.json", {"2a": 1.0}), "of L4, not of rtx4090"),
        (
            Profile("rtx4090", "run.json", {"2a": 1.0}, size=(1920, 1080)),
            "frames of 1920x1080, not 1280x720",
        ),
    ],
)
def test_a_profile_of_something_else_is_refused(profile: Profile, words: str) -> None:
    with pytest.raises(InputError, match=words):
        made(profile=profile)


def test_a_graph_that_was_not_counted_is_named() -> None:
    with pytest.raises(MissingError, match="modnet: its graph `matte` has not been counted"):
        forecast(
            loads_of(["modnet"]), [cost(MATH)], CEILING, width=1280, height=720, precision="fp32", fps=25
        )


def test_a_folder_is_the_profile_or_the_run_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"profile\.json: can't be read"):
        load_profile(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(run_json()))
    assert load_profile(tmp_path).source.startswith("run.json")
    (tmp_path / "profile.json").write_text(json.dumps(profile_json("frames")))
    assert load_profile(tmp_path).source.startswith("profile.json")


def run_json(**changed: object) -> dict[str, object]:
    values: dict[str, object] = {
        "schema": 2,
        "status": "done",
        "computed": 50,
        "resumed": 10,
        "device": "cuda:0 (NVIDIA L4)",
        "input": {"width": 1920, "height": 1080},
        "stages": [{"stage": "2a", "run_s": 0.4, "origin": {"precision": "fp16"}}],
    }
    return values | changed


def test_a_runs_record_is_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_json()))
    found = load_profile(path)
    assert (found.gpu, found.size, found.precision) == ("NVIDIA L4", (1920, 1080), {"2a": "fp16"})
    assert found.stage_s == pytest.approx({"2a": 0.01})  # of the frames that this run computed itself


def test_latencies_are_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_text(json.dumps({"schema": 1, "gpu": "RTX 4090", "seconds_per_run": {"2a": 0.004}}))
    found = load_profile(path)
    assert (found.gpu, found.stage_s, found.size) == ("RTX 4090", {"2a": 0.004}, None)


def profile_json(kind: str, **changed: Any) -> dict[str, Any]:
    values = {
        "schema": 2,
        "kind": kind,
        "clip": {"width": 1920, "height": 1080},
        "device": {"name": "cuda:0", "title": "NVIDIA L4"},
    }
    if kind == "frames":
        values |= {
            "stages": [{"number": "2a", "precision": "fp16"}],
            "figures": [{"name": "stage 2a", "p50_ms": 4.0}],
        }
    else:
        row = {"stage": "3", "model": "xmem", "graph": "key", "precision": "fp32"}
        values |= {"figures": [], "pipeline": None, "networks": [row | {"runs": 9.5, "p50_ms": 6.0}]}
    return values | changed


def test_both_kinds_of_profiles_are_profiles(tmp_path: Path) -> None:
    """What `trt-anime profile` writes."""
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile_json("frames")))
    found = load_profile(path)
    assert (found.gpu, found.size, found.precision) == ("NVIDIA L4", (1920, 1080), {"2a": "fp16"})
    assert (found.stage_s, found.graph_s) == ({"2a": 0.004}, {})
    path.write_text(json.dumps(profile_json("chain")))
    found = load_profile(path)
    assert (found.size, found.precision, found.stage_s) == ((1920, 1080), {"3": "fp32"}, {})
    assert found.graph_s == pytest.approx({"3 xmem key": 0.006})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        (json.dumps(profile_json("chain", device={"name": "cpu", "title": "AMD"})), "nothing of a GPU"),
        (json.dumps(profile_json("frames", clip={})), "is no profile.json of this release"),
        ("[]", "no file of latencies"),
        (json.dumps(run_json(device="cpu (AMD)")), "says nothing of a GPU"),
        (json.dumps(run_json(status="failed")), "wasn't done"),
        (json.dumps(run_json(stages=[{}])), "is no run.json of this release"),
    ],
)
def test_what_is_no_profile_is_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load_profile(path)


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        load_profile(tmp_path / "none.json")


def test_cards_have_the_names_that_engines_are_built_for() -> None:
    assert published("NVIDIA GeForce RTX 4090") == published("4090")
    assert same_card("rtx4090", "NVIDIA GeForce RTX 4090") and not same_card("l4", "l40")
    with pytest.raises(InputError, match=r"gtx1660: nobody has put in its rates"):
        published("gtx1660")
    with pytest.raises(InputError, match="no such card"):
        published("voodoo2")


def test_published_rates_have_the_order_that_all_cards_have() -> None:
    from trt_anime.runtime.planning.ceilings import _PUBLISHED

    for card in _PUBLISHED:
        found = published(card)
        rates = found.flops_per_s
        assert rates["fp32"] < rates["fp16"] < rates["int8"], card
        # Bytes a product: all of these cards are between 20 and 800 operations for each.
        assert 20 < rates["fp16"] / found.bytes_per_s < 800, card


def test_this_cpu_has_ceilings() -> None:
    found = measured_cpu(size=128, repeats=1)
    assert found.flops_per_s["fp32"] > 0 and found.bytes_per_s > 0 and not found.fuses


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_networks_that_the_chain_would_run(preset: str) -> None:
    choices = PRESETS[preset]
    prompted = replace(choices, effects=replace(choices.effects, prompts=(EffectPrompt(text="glow"),)))
    loads = loads_of_preset(preset)
    assert {load.model for load in loads} == set(prompted.models(STAGES))
    keys = {load.every for load in loads if load.graph in ("segment", "image") and load.stage == "1"}
    assert keys == {choices.segmentation.key_every}, "as often as the choices say"
    values = {load.every for load in loads if load.graph == "value"}
    assert values <= {choices.tracking.memory_frames}


@pytest.mark.parametrize("preset", PRESETS)
def test_what_of_a_preset_was_not_counted_is_said(preset: str) -> None:
    known = {(each.model, each.graph) for each in COSTS}
    loads = loads_of_preset(preset)
    missing = [load for load in loads if (load.model, load.graph) not in known]
    found = forecast(loads, COSTS, published("l4"), width=1920, height=1080, precision="fp16", fps=25)
    assert found.uncounted == tuple(f"{one.stage} {one.model} {one.graph}" for one in missing)
    assert any(note.startswith("not counted: ") for note in found.notes) == bool(missing)
    assert preset == "quality" or not missing


def test_a_network_by_its_name_runs_as_it_would_in_a_chain() -> None:
    by_name = loads_of(["xmem", "u2netp"])
    balanced = {load for load in loads_of_preset("balanced") if load.model in ("xmem", "u2netp")}
    assert set(by_name) == balanced
    assert [load.graph for load in loads_of_graphs("sam", ("image", "mask"))] == ["image", "mask"]
    assert loads_of_graphs("odd", ("nothing",)) == []


def test_graphs_of_a_chains_run_stand_in_place_of_predicted_ones(tmp_path: Path) -> None:
    row = {"stage": "2a", "model": "u2netp", "graph": "matte", "runs": 4, "run_s": 0.04, "at_once": 1}
    record = {
        "schema": 3,
        "choices": {},
        "computed": 4,
        "device": "cuda:0 (NVIDIA L4)",
        "input": {"width": 1920, "height": 1080},
        "passes": [{"networks": [row | {"origin": {"precision": "fp16"}}]}],
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    profile = load_profile(tmp_path / "run.json")
    loads = loads_of(["u2netp", "migan"])
    found = forecast(
        loads, COSTS, published("l4"), width=1920, height=1080, precision="fp16", fps=25, profile=profile
    )
    by_graph = {line.what: line for line in found.lines}
    assert by_graph["u2netp matte"].basis == "measured"
    assert by_graph["u2netp matte"].run_s == pytest.approx(0.01)
    assert by_graph["migan inpaint"].basis == found.basis == "predicted"
    record["device"] = "cpu (AMD)"
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="says nothing of a GPU"):
        load_profile(tmp_path / "run.json")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="--preset best"):
        loads_of_preset("best")
    with pytest.raises(InputError, match="--models u3net"):
        loads_of(["u3net"])
