import pytest

from tests.runtime.pipeline.fakes import FakeSession, node
from trt_anime.errors import InputError
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.pipeline.chain import chain_of

DEVICE = NullDevice()


def test_every_stage_comes_after_those_it_reads_from() -> None:
    nodes = [
        node(DEVICE, "3", {"a": "2a.rgba", "b": "1.rgba"}),
        node(DEVICE, "2a", {"roi": "1.rgba"}),
        node(DEVICE, "1"),
    ]
    chain = chain_of(nodes, batch=2, height=10, width=20)
    assert [n.number for n in chain.nodes] == ["1", "2a", "3"]
    assert chain.values["2a.rgba"].shape == (2, 10, 20, 4)
    assert chain.values["frame"].size_bytes == 2 * 10 * 20 * 3
    assert chain.batch == 2
    assert chain.results == {"layer 1": "1.rgba", "layer 2a": "2a.rgba", "layer 3": "3.rgba"}


def test_stages_that_need_not_wait_get_streams_of_their_own() -> None:
    nodes = [
        node(DEVICE, "1"),
        node(DEVICE, "2a", {"roi": "1.rgba"}),
        node(DEVICE, "2b", {"roi": "1.rgba"}),
        node(DEVICE, "2c", {"a": "2a.rgba", "b": "2b.rgba"}),
        node(DEVICE, "4"),
    ]
    branches = chain_of(nodes, batch=1, height=4, width=4).branches
    assert branches == {"1": 0, "4": 1, "2a": 0, "2b": 2, "2c": 0}


def test_a_missing_stage_is_named() -> None:
    with pytest.raises(InputError, match="stage 2c reads from stage 2a; add it to --stages"):
        chain_of([node(DEVICE, "2c", {"a": "2a.rgba"})], batch=1, height=4, width=4)


def test_whether_a_short_batch_runs_is_the_sessions_word() -> None:
    free = chain_of([node(DEVICE, "1")], batch=4, height=4, width=4)
    fixed = chain_of([node(DEVICE, "1"), node(DEVICE, "2a", fixed_batch=4)], batch=4, height=4, width=4)
    assert free.takes(3)
    assert fixed.takes(4)
    assert not fixed.takes(3)


def test_a_frame_size_that_a_session_refuses() -> None:
    with pytest.raises(InputError, match="takes batch size 2 only"):
        chain_of([node(DEVICE, "1", fixed_batch=2)], batch=1, height=4, width=4)


def test_inputs_are_named_as_the_session_names_them() -> None:
    first = node(DEVICE, "1")
    chain = chain_of([first, node(DEVICE, "3", {"mask": "1.rgba"})], batch=3, height=5, width=7)
    assert chain.inputs(chain.nodes[1]) == {"mask": (3, 5, 7, 4)}
    assert chain.inputs(chain.nodes[1], rows=2) == {"mask": (2, 5, 7, 4)}
    assert isinstance(first.session, FakeSession)
