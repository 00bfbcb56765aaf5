"""What `make gpu-check` needs to be had: memory for large graphs, and a store that isn't the user's."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks import gpu_check
from benchmarks.bundle.installing import FROM_BUNDLE, HOME
from benchmarks.gpu import home, part_parity, room
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.room import graph_bytes, require_room
from benchmarks.gpu.running import Context, found_by
from benchmarks.gpu.session import small_graph
from trt_anime import paths
from trt_anime.errors import MissingError
from trt_anime.export import catalogue
from trt_anime.export.checkpoints import store
from trt_anime.runtime.devices import ram
from trt_anime.runtime.devices.api import Memory

GB = 10**9


def with_weights_aside(path: Path, size_bytes: int) -> Path:
    """A graph that says of its one weight that it lies in another file, which has no content to be read."""
    weight = TensorProto(name="weight", data_type=TensorProto.FLOAT16, dims=[size_bytes // 2])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="aside.weights")
    given = helper.make_tensor_value_info("frame", TensorProto.FLOAT16, [1])
    made = helper.make_tensor_value_info("sum", TensorProto.FLOAT16, None)
    nodes = [helper.make_node("Add", ["frame", "weight"], ["sum"])]
    onnx.save(helper.make_model(helper.make_graph(nodes, "large", [given], [made], [weight])), str(path))
    with path.with_name("aside.weights").open("wb") as file:
        file.truncate(size_bytes)  # a hole: the disk gives nothing for it
    return path


def device(free: int) -> Any:
    return SimpleNamespace(memory=lambda: Memory(free, 80 * GB))


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """5 GB, on a machine with 60 GB of RAM."""
    monkeypatch.setattr(ram, "ram", lambda: Memory(60 * GB, 64 * GB))
    return with_weights_aside(tmp_path / "prefill-large.onnx", 5 * GB)


def test_weights_that_lie_aside_are_counted(large: Path, tmp_path: Path) -> None:
    assert 5 * GB < graph_bytes(large) < 5 * GB + 1000
    whole = small_graph(tmp_path / "small.onnx")
    assert graph_bytes(whole) == whole.stat().st_size
    (tmp_path / "aside.weights").unlink()
    assert graph_bytes(large) == large.stat().st_size


def test_free_memory_decides_which_graphs_are_too_large(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_room([large], device(20 * GB))
    with pytest.raises(
        MissingError, match=r"^prefill-large.onnx, 5.0 GB, may need 15 GB of GPU memory and 10 GB are free$"
    ):
        require_room([large], device(10 * GB))
    # The CPU holds what comes before it, too, at once.
    with pytest.raises(MissingError, match="may need 75 GB of RAM, for the CPU"):
        require_room([large] * 5, device(20 * GB))
    monkeypatch.setattr(ram, "ram", lambda: Memory(0, 64 * GB))
    small = small_graph(large.with_name("small.onnx"))
    require_room([small], device(0))  # nobody asks


def test_a_graph_that_is_too_large_is_a_skipped_step_with_the_reason(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_graph(tmp_path / "small.onnx")
    monkeypatch.setattr(part_parity, "models_here", lambda: iter([[large], [small]]))
    monkeypatch.setattr(room, "_TIMES", 1_000_000)
    context = Context(Deadline(300), tmp_path, rehearsal=True)
    first, second = part_parity.steps(context)
    assert first.least_s == pytest.approx(part_parity._GRAPH_S + 5 * part_parity._GB_S, abs=0.1)
    found = found_by(first.run)
    assert (found.outcome, found.words.partition(" may need")[0]) == (
        "skipped",
        "prefill-large.onnx, 5.0 GB,",
    )
    assert found_by(second.run).outcome == "passed"


def test_a_library_that_is_not_here_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = small_graph(tmp_path / "small.onnx")
    monkeypatch.setattr(part_parity, "models_here", lambda: iter([[graph], [graph]]))
    monkeypatch.setattr(
        "trt_anime.engines.machine.flavours_here", lambda names: dict.fromkeys(names) | {"rtx": "1.7"}
    )
    steps = part_parity.steps(Context(Deadline(300), tmp_path))
    assert [step.name for step in steps] == [
        *["small by ONNX Runtime CUDA", "small by TensorRT-RTX"] * 2,
        "TensorRT",
    ]
    found = found_by(steps[-1].run)
    assert (found.outcome, found.words[:19]) == ("skipped", "it isn't installed;")


def stored(users: Path, model: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's weights in a store, as an import leaves them."""
    monkeypatch.setenv("TRT_ANIME_HOME", str(users))
    row = catalogue.get(model)
    file = users / "given" / row.files[0].filename
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    monkeypatch.setattr(store, "format_of", lambda path: row.files[0].format)
    return store.import_file(row, file)


def test_a_check_has_what_the_user_has_and_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, own = tmp_path / "users", tmp_path / "own"
    weights = stored(users, "u2netp", b"the user's", monkeypatch)
    (users / "graphs").mkdir()
    (users / "graphs" / "matte-u2netp-1.onnx").write_bytes(b"graph")
    (users / "graphs" / ".half.partial").write_bytes(b"")
    before = sorted(users.rglob("*"))
    home.take_home(own)
    assert paths.home() == own and os.environ["TRT_ANIME_HOME"] == str(own)
    found = store.find(catalogue.get("u2netp"))
    assert found is not None and found.is_relative_to(own) and found.samefile(weights)
    assert [path.name for path in (own / "graphs").iterdir()] == ["matte-u2netp-1.onnx"]
    # What the check makes there, such as random weights, the user never sees.
    stored(own, "lama", b"random", monkeypatch)
    assert sorted(users.rglob("*")) == before


def test_the_users_own_weights_take_the_place_of_random_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, own = tmp_path / "users", tmp_path / "own"
    stored(own, "lama", b"random", monkeypatch)
    kept = stored(own, "clipseg", b"random, too", monkeypatch)
    (users / "models" / "clipseg" / ".begun").mkdir(parents=True)  # a download that came to nothing
    stored(users, "lama", b"the user's", monkeypatch)
    home.gather(users, own)
    monkeypatch.setenv("TRT_ANIME_HOME", str(own))
    found = store.find(catalogue.get("lama"))
    assert found is not None and found.read_bytes() == b"the user's"
    assert kept.read_bytes() == b"random, too"


def test_another_disk_gets_copies_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: str, target: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    users, own = tmp_path / "users", tmp_path / "own"
    weights = stored(users, "u2netp", b"the user's", monkeypatch)
    monkeypatch.setattr(os, "link", refused)
    home.gather(users, own)
    copy = own / weights.relative_to(users)
    assert copy.read_bytes() == b"the user's" and not copy.samefile(weights)
    inode = copy.stat().st_ino
    home.gather(users, own)
    assert copy.stat().st_ino == inode


def test_the_store_is_the_bundles_or_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FROM_BUNDLE, raising=False)
    assert gpu_check._home() == gpu_check.OWN_HOME
    monkeypatch.setenv(FROM_BUNDLE, str(tmp_path))
    assert gpu_check._home() == gpu_check.OWN_HOME
    (tmp_path / HOME).mkdir()
    assert gpu_check._home() == tmp_path / HOME


def test_a_bare_machine_has_no_store_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> Path:
        raise ModuleNotFoundError("No module named 'platformdirs'", name="platformdirs")

    monkeypatch.setenv("TRT_ANIME_HOME", "")
    monkeypatch.setattr(paths, "home", nothing)
    home.take_home(tmp_path / "own")
    assert os.environ["TRT_ANIME_HOME"] == str(tmp_path / "own")
