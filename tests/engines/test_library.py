"""What TensorRT says without saying it becomes an error: doubles say it, and below the real library."""

import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from trt_anime.engines import compiler
from trt_anime.engines.library import Library, said_last
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, MissingError

NOISE = "catchCudaError: Error Code 1 (cudaError 35: CUDA driver version is insufficient)"
CHECKED = "addOptimizationProfile: Error Code 3: Parameter check failed, condition: profile->isValid()"


class _Logger:
    ERROR, INTERNAL_ERROR, WARNING, INFO = range(4)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(ILogger=_Logger))
    return Library("trt", subject="x.plan", advice={"memory": "make room"}, otherwise="look again")


@pytest.mark.parametrize("result", [None, False, -1])
def test_asked_refuses_what_means_failure(library: Library, result: object) -> None:
    def fail() -> object:
        library.log.log(_Logger.ERROR, "the cause")
        return result

    with pytest.raises(EngineError, match=r"^x\.plan: TensorRT gave no thing \(the cause\); look again$"):
        library.asked("gave no thing", fail)


@pytest.mark.parametrize("result", [0, True, 7, "", (), b"x"])
def test_asked_gives_what_is_no_failure(library: Library, result: object) -> None:
    assert library.asked("gave no thing", lambda given: given, result) is result


def test_without_a_reason(library: Library) -> None:
    with pytest.raises(EngineError, match=r"gave no thing \(it gave no reason\)"):
        library.asked("gave no thing", lambda: None)


def test_an_earlier_reason_is_not_told_again(library: Library) -> None:
    library.log.log(_Logger.ERROR, "long ago")
    with pytest.raises(EngineError, match="it gave no reason"):
        library.asked("gave no thing", lambda: None)


def test_advice_goes_by_the_librarys_words(library: Library) -> None:
    def fail() -> None:
        library.log.log(_Logger.INTERNAL_ERROR, "no memory")

    with pytest.raises(EngineError, match=r"\(no memory\); make room$"):
        library.asked("stopped", fail)


def test_heard_refuses_what_only_the_log_tells(library: Library) -> None:
    def fail(value: int) -> int:
        library.log.log(_Logger.WARNING, "a warning")
        library.log.log(_Logger.ERROR, f"{value} is bad")
        return value

    with pytest.raises(EngineError, match=r"took no flag \(5 is bad\)"):
        library.heard("took no flag", fail, 5)
    assert library.heard("took no flag", lambda: None) is None


def test_that_there_is_no_gpu_is_no_failure(library: Library) -> None:
    def grumble() -> str:
        library.log.log(_Logger.ERROR, NOISE)
        return "done"

    assert library.heard("failed", grumble) == "done"


@pytest.mark.parametrize("kind", [RuntimeError, TypeError, ValueError])
def test_errors_of_the_bindings(library: Library, kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind("factory function returned nullptr")

    with pytest.raises(EngineError, match=r"doesn't start \(factory function returned nullptr\)") as raised:
        library.heard("doesn't start", fail)
    assert isinstance(raised.value.__cause__, kind)


def test_an_interrupt_goes_through(library: Library) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.asked("stopped", stop)


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        ([], ""),
        (["first", "last"], "last"),
        (["the cause", NOISE], "the cause"),
        (["Ensure MIN<=OPT<=MAX", NOISE, CHECKED, NOISE], "Ensure MIN<=OPT<=MAX"),
        ([NOISE], NOISE),
        (["it failed", "(cudaError 2: out of memory)"], "(cudaError 2: out of memory)"),
        (["one\n\n  two (In f at /_src/a/b.cpp:1)"], "one two"),
        (["Invalid Node - x\nIt has no kernel."], "It has no kernel"),
    ],
)
def test_the_last_words_that_say_something(messages: list[str], last: str) -> None:
    assert said_last(messages) == last


def test_every_message_is_kept_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session runs for hours, and the library talks."""
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(ILogger=_Logger))
    for keep_all, kept in ((False, []), (True, ["hello"])):
        library = Library("trt", subject="x", advice={}, otherwise="", keep_all=keep_all)
        library.log.log(_Logger.INFO, "hello")
        assert library.log.messages == kept


def test_a_flavour_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingError, match="TensorRT can't be loaded"):
        Library("trt", subject="x", advice={}, otherwise="")


@pytest.fixture
def real() -> Library:
    pytest.importorskip("tensorrt_rtx")
    return Library("rtx", subject="x", advice={}, otherwise="look again")


def test_the_real_library_says_minus_one(real: Library) -> None:
    """It logs the cause, then that a check failed, then twice that there is no GPU."""
    builder = real.asked("gave no builder", real.trt.Builder, real.log)
    network = real.asked("gave no network", builder.create_network, 0)
    network.add_input("frame", real.trt.float32, (-1, 4))
    config = builder.create_builder_config()
    shapes = builder.create_optimization_profile()
    real.heard("refused the shapes", shapes.set_shape, "frame", (3, 4), (2, 4), (1, 4))
    with pytest.raises(EngineError, match=r"refused it \(.*MIN<=OPT<=MAX.*\); look again"):
        real.asked("refused it", config.add_optimization_profile, shapes)


def test_the_real_library_says_false(real: Library) -> None:
    config = real.trt.Builder(real.log).create_builder_config()
    config.num_compute_capabilities = 1
    with pytest.raises(EngineError, match=r"has no such GPU type \(.*not in a valid range"):
        real.asked(
            "has no such GPU type", config.set_compute_capability, real.trt.ComputeCapability.SM89, 3
        )


def test_the_real_library_says_nothing(real: Library) -> None:
    """What is no flag of a library is only logged."""
    config = real.trt.Builder(real.log).create_builder_config()
    with pytest.raises(EngineError, match=r"refused a number \(.+\)"):
        real.heard("refused a number", setattr, config, "num_compute_capabilities", -5)


def test_a_graph_that_is_none(real: Library) -> None:
    with pytest.raises(
        EngineError, match=r"^rtx-sm89: TensorRT-RTX can't (compile|read) the graph \(.+\); "
    ):
        compiler.compiled(b"no graph", Target("rtx", 89), Profile(64, 96, 4), report=lambda share: True)


# Call -> what it gives where it fails.
FAILURES: dict[str, Any] = {
    "Builder": None,
    "Builder.create_network": None,
    "OnnxParser": None,
    "OnnxParser.parse": False,
    "Builder.create_builder_config": None,
    "Builder.create_optimization_profile": None,
    "Network.get_input": None,
    "Config.add_optimization_profile": -1,
    "Config.set_compute_capability": False,
    "Builder.build_serialized_network": None,
}


@pytest.mark.parametrize("call", FAILURES)
def test_every_call_of_a_build_that_can_fail(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = MagicMock(ILogger=_Logger, IProgressMonitor=object, __version__="1.7")
    fake.NetworkDefinitionCreationFlag.STRONGLY_TYPED = 0
    builder = fake.Builder.return_value
    network, config = builder.create_network.return_value, builder.create_builder_config.return_value
    network.num_inputs = 1
    network.get_input.return_value = SimpleNamespace(name="frame", shape=(-1, 64, 96, 3))
    fake.OnnxParser.return_value.num_errors = 0
    places = {"Builder": builder, "OnnxParser": fake.OnnxParser.return_value}
    places |= {"Network": network, "Config": config}
    owner, _, name = call.rpartition(".")
    function = getattr(places[owner] if owner else fake, name)

    def fail(*arguments: object) -> Any:
        log = (fake.Builder.call_args or SimpleNamespace(args=arguments)).args[0]
        log.log(_Logger.ERROR, "the cause")
        return FAILURES[call]

    function.side_effect = fail
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", fake)
    with pytest.raises(EngineError, match=r"^rtx-sm89: TensorRT-RTX .+ \(the cause\); "):
        compiler.compiled(b"", Target("rtx", 89), Profile(64, 96, 4), report=lambda share: True)
