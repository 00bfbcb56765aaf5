"""Real TensorRT-RTX builds; none needs a GPU."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests.engines.calibrated import calibrated
from tests.engines.graphs import saved, stage_graph, unsupported_graph
from trt_anime.engines import builder, store, worker
from trt_anime.engines.builder import StageGraph, engine_from_graph, stage_graph_from_file
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import RTX_CAPABILITIES, Target
from trt_anime.errors import EngineError, InputError, MissingError

pytest.importorskip("tensorrt_rtx")

PROFILE = Profile(height=64, width=96, max_batch=4)
SM89 = Target("rtx", 89)


@pytest.fixture
def graph(home: Path, tmp_path: Path) -> StageGraph:
    """Calibrated for FP16."""
    graph = stage_graph_from_file(saved(stage_graph(), tmp_path))
    calibrated(graph.path, "fp16")
    return graph


def ignore(share: float) -> None:
    pass


def build(graph: StageGraph, target: Target = SM89, precision: Precision = "fp16") -> builder.Built:
    return engine_from_graph(graph, target, precision=precision, profile=PROFILE, on_progress=ignore)


@pytest.mark.parametrize("capability", RTX_CAPABILITIES)
def test_every_target_in_both_precisions(home: Path, tmp_path: Path, capability: int) -> None:
    # FP32 without a matrix product: SM75 has none.
    for precision, matmul in (("fp32", False), ("fp16", True)):
        graph = stage_graph_from_file(saved(stage_graph(matmul=matmul), tmp_path))
        if matmul:
            calibrated(graph.path, precision)
        built = build(graph, Target("rtx", capability), precision)  # type: ignore[arg-type]
        manifest = built.entry.manifest
        assert not built.cached
        assert manifest.recipe.target == f"rtx-sm{capability}"
        assert manifest.info == graph.info
        assert manifest.size_bytes == built.entry.engine.stat().st_size > 1000
        assert manifest.layer_precision
        halves = manifest.graph_precision.get("float16", 0), manifest.layer_precision.get("float16", 0)
        assert all(halves) if precision == "fp16" else not any(halves)


def test_second_call_is_a_hit(home: Path, graph: StageGraph) -> None:
    first, second = build(graph), build(graph)
    assert (first.cached, second.cached) == (False, True)
    assert first.entry == second.entry


def test_same_bytes_in_another_home(home: Path, graph: StageGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(graph)
    build(graph, Target("rtx", 75))  # what was built in between doesn't matter
    monkeypatch.setenv("TRT_ANIME_HOME", str(home.with_name("other")))
    calibrated(graph.path, "fp16")
    second = build(graph)
    assert not second.cached
    assert first.entry.manifest.engine_sha256 == second.entry.manifest.engine_sha256
    assert first.entry.engine.read_bytes() == second.entry.engine.read_bytes()


def test_damaged_engine_is_built_again(home: Path, graph: StageGraph) -> None:
    first = build(graph)
    whole = first.entry.engine.read_bytes()
    first.entry.engine.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    again = build(graph)
    assert not again.cached
    assert again.entry.engine.read_bytes() == whole


def test_operator_that_is_not_there(home: Path, tmp_path: Path) -> None:
    """Said before anything is built; the library's own words name the same node."""
    graph = stage_graph_from_file(saved(unsupported_graph(), tmp_path))
    with pytest.raises(EngineError, match=r"rtx-sm89: NonZero '.*NonZero_0': .*: use TopK") as caught:
        build(graph, precision="fp32")
    assert "\n" not in str(caught.value)
    assert store.entries() == []
    with pytest.raises(EngineError, match=r"can't compile node '.*NonZero_0' \(NonZero\)"):
        worker.plan_from_onnx(_fixed(graph), SM89, PROFILE, on_progress=lambda share: None)


def test_what_the_builder_refuses(home: Path, tmp_path: Path) -> None:
    graph = stage_graph_from_file(saved(stage_graph(matmul=True), tmp_path))
    with pytest.raises(
        EngineError, match=r"rtx-sm75: MatMul 'net/MatMul_0': sm75 has no FP32 matrix product; build"
    ):
        build(graph, Target("rtx", 75), "fp32")


def test_progress_grows_to_one(graph: StageGraph) -> None:
    shares: list[float] = []
    worker.plan_from_onnx(_fixed(graph), SM89, PROFILE, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_interrupted_build_leaves_nothing(home: Path, graph: StageGraph) -> None:
    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine_from_graph(graph, SM89, precision="fp32", profile=PROFILE, on_progress=interrupt)
    assert [path.name for path in (home / "engines").iterdir()] == [".locks"]


def test_monitor_cancels_the_builder(graph: StageGraph) -> None:
    with pytest.raises(KeyboardInterrupt):
        compiled(_fixed(graph), SM89, PROFILE, report=lambda share: False)


def test_killed_build_leaves_nothing_and_nobody(home: Path, graph: StageGraph) -> None:
    code = f"""
import os, signal
from pathlib import Path
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
graph = stage_graph_from_file(Path({str(graph.path)!r}))
engine_from_graph(graph, Target("rtx", 89), precision="fp16", profile={PROFILE!r},
                  on_progress=lambda share: os.kill(os.getpid(), signal.SIGKILL))
"""
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    assert child.wait() == -signal.SIGKILL
    assert [path.name for path in (home / "engines").iterdir()] == [".locks"]
    deadline = time.monotonic() + 10
    while _anyone_in(child.pid):
        assert time.monotonic() < deadline, "the builder's process outlives its parent"
        time.sleep(0.05)
    assert not build(graph).cached  # the lock went too


def test_two_processes_build_once(home: Path, graph: StageGraph) -> None:
    command = [sys.executable, "-m", "trt_anime", "engines", "build"]
    command += ["--graph", str(graph.path), "--gpu", "rtx4090", "--size", "96x64"]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(racer.communicate()[0].splitlines()[-1] for racer in racers)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert said == ["1 engine: 1 built", "1 engine: 1 there already"]
    assert len(store.entries()) == 1


def test_process_that_dies(graph: StageGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(EngineError, match=r"stopped while building for rtx-sm89 \(exit code 1\)"):
        worker.plan_from_onnx(_fixed(graph), SM89, PROFILE, on_progress=ignore)


def test_flavour_that_is_not_installed(graph: StageGraph) -> None:
    with pytest.raises(MissingError, match=r"pip install 'trt-anime\[gpu\]'"):
        worker.plan_from_onnx(_fixed(graph), replace(SM89, flavour="trt"), PROFILE, on_progress=ignore)


def test_what_is_not_a_stage_graph(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no graph")
    bare = tmp_path / "bare.onnx"
    model = stage_graph()
    del model.metadata_props[:]
    onnx.save(model, bare)
    cases = (
        (text, "not an ONNX file"),
        (bare, "not a stage graph"),
        (tmp_path / "no.onnx", "No such file"),
    )
    for path, words in cases:
        with pytest.raises(InputError, match=words):
            stage_graph_from_file(path)


def _fixed(graph: StageGraph) -> bytes:
    model = specialised(graph.model, height=PROFILE.height, width=PROFILE.width)
    return bytes(model.SerializeToString())


def _anyone_in(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
