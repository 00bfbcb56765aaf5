"""The pipeline overlaps, keeps order, holds few frames, and stops as one."""

import _thread
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from trt_anime.runtime.media.frames import Frame, Pixels
from trt_anime.runtime.pipeline import Tally, run_pipeline

Interval = tuple[float, float]


def frame(index: int) -> Frame:
    return Frame(index, pts=index, duration=1, rgb=np.full((1, 1, 3), index % 256, np.uint8))


def frames(count: int) -> Iterator[Frame]:
    return (frame(i) for i in range(count))


def rgba(batch: Pixels) -> Pixels:
    return np.concatenate([batch, batch[..., :1]], axis=-1)


class Collected:
    """Stands for a writer; `write` may fail at one index."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.indices: list[int] = []
        self._fail_at = fail_at

    def write(self, frame: Frame, layer: Pixels) -> None:
        if frame.index == self._fail_at:
            raise OSError("full")
        assert layer.shape == (1, 1, 4)
        assert layer[0, 0, 3] == frame.index % 256
        self.indices.append(frame.index)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 10, 301])
def test_every_frame_in_order(workers: int, batch_size: int, count: int) -> None:
    def jittery(batch: Pixels) -> Pixels:
        time.sleep(0.001 * (int(batch[0, 0, 0, 0]) % 3 == 0))
        return rgba(batch)

    out, tally, advanced = Collected(), Tally(), list[int]()
    run_pipeline(
        frames(count),
        jittery,
        out.write,
        workers=workers,
        batch_size=batch_size,
        tally=tally,
        advance=advanced.append,
    )
    assert out.indices == list(range(count))
    assert tally.frames == sum(advanced) == count


def test_the_three_stages_overlap() -> None:
    """Each stage sleeps; intervals of different stages must cover the same moments."""
    spans: dict[str, list[Interval]] = {"decode": [], "infer": [], "encode": []}

    def spend(stage: str) -> None:
        start = time.perf_counter()
        time.sleep(0.01)
        spans[stage].append((start, time.perf_counter()))

    def slow_frames() -> Iterator[Frame]:
        for index in range(20):
            spend("decode")
            yield frame(index)

    def slow_infer(batch: Pixels) -> Pixels:
        spend("infer")
        return rgba(batch)

    run_pipeline(slow_frames(), slow_infer, lambda f, layer: spend("encode"), workers=2, tally=Tally())
    everything = [span for stage in spans.values() for span in stage]
    passed = max(end for _, end in everything) - min(start for start, _ in everything)
    busy = sum(end - start for start, end in everything)
    assert len(everything) == 60
    assert passed < 0.75 * busy
    for one, other in (("decode", "infer"), ("infer", "encode"), ("decode", "encode")):
        assert any(overlap(a, b) for a in spans[one] for b in spans[other]), (one, other)
    assert any(overlap(a, b) for a in spans["infer"] for b in spans["infer"] if a != b)


def overlap(one: Interval, other: Interval) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def test_few_frames_are_held_when_the_writer_is_slow() -> None:
    alive, most = 0, 0
    lock = threading.Lock()

    def counted() -> Iterator[Frame]:
        nonlocal alive, most
        for index in range(60):
            with lock:
                alive += 1
                most = max(most, alive)
            yield frame(index)

    def slow_write(frame: Frame, layer: Pixels) -> None:
        nonlocal alive
        time.sleep(0.002)
        with lock:
            alive -= 1

    run_pipeline(counted(), rgba, slow_write, workers=2, tally=Tally())
    assert most <= 2 + 2 + 2  # the line, the decoder's hand and the writer's hand


def broken_frames(good: int) -> Iterator[Frame]:
    yield from frames(good)
    raise ValueError("broken frame")


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_broken_clip_gives_every_frame_before(batch_size: int) -> None:
    out = Collected()
    with pytest.raises(ValueError, match="broken frame"):
        run_pipeline(broken_frames(10), rgba, out.write, workers=3, batch_size=batch_size, tally=Tally())
    assert out.indices == list(range(10))


def test_a_failing_device_gives_every_frame_before() -> None:
    def failing(batch: Pixels) -> Pixels:
        if batch[0, 0, 0, 0] == 7:
            raise RuntimeError("device lost")
        return rgba(batch)

    out = Collected()
    with pytest.raises(RuntimeError, match="device lost"):
        run_pipeline(frames(100_000), failing, out.write, workers=3, tally=Tally())
    assert out.indices == list(range(7))


def test_a_failing_writer_stops_the_rest() -> None:
    given = 0

    def counted() -> Iterator[Frame]:
        nonlocal given
        for item in frames(100_000):
            given += 1
            yield item

    out = Collected(fail_at=5)
    with pytest.raises(OSError, match="full"):
        run_pipeline(counted(), rgba, out.write, workers=2, tally=Tally())
    assert out.indices == [0, 1, 2, 3, 4]
    assert given < 20


@pytest.mark.parametrize("moment", ["decode", "infer", "encode"])
def test_interrupt_ends_all_threads_at_once(moment: str) -> None:
    """Ctrl-C while each of the stages is the slow one."""

    def wait_if(stage: str) -> None:
        if stage == moment:
            time.sleep(0.02)

    def endless() -> Iterator[Frame]:
        index = 0
        while True:
            wait_if("decode")
            yield frame(index)
            index += 1

    def infer(batch: Pixels) -> Pixels:
        wait_if("infer")
        return rgba(batch)

    out, tally = Collected(), Tally()

    def write(frame: Frame, layer: Pixels) -> None:
        wait_if("encode")
        out.write(frame, layer)
        if frame.index == 5:
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        run_pipeline(endless(), infer, write, workers=2, tally=tally)
    assert out.indices == list(range(tally.frames))
    assert tally.frames >= 6


def test_a_second_interrupt_does_not_cut_the_frame_in_hand() -> None:
    finished = threading.Event()

    def write(frame: Frame, layer: Pixels) -> None:
        press = [_thread.interrupt_main] * 2
        for again in press:
            again()
            time.sleep(0.3)
        finished.set()

    with pytest.raises(KeyboardInterrupt):
        run_pipeline(frames(100), rgba, write, workers=1, tally=Tally())
    assert finished.is_set()


def test_the_output_is_finished_once_and_away_from_interrupts() -> None:
    main, ends = threading.get_ident(), list[tuple[bool, bool]]()

    def finish(complete: bool) -> None:
        ends.append((complete, threading.get_ident() == main))

    run_pipeline(frames(3), rgba, Collected().write, workers=1, tally=Tally(), finish=finish)
    with pytest.raises(ValueError, match="broken frame"):
        run_pipeline(broken_frames(3), rgba, Collected().write, workers=1, tally=Tally(), finish=finish)
    assert ends == [(True, False), (False, False)]


def test_an_output_that_can_not_be_finished_is_an_error() -> None:
    def finish(complete: bool) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        run_pipeline(frames(3), rgba, Collected().write, workers=1, tally=Tally(), finish=finish)


def test_busy_seconds_are_counted() -> None:
    def slowly(source: Iterator[Frame], pause: Callable[[float], None]) -> Iterator[Frame]:
        for item in source:
            pause(0.002)
            yield item

    tally = Tally()
    run_pipeline(
        slowly(frames(10), time.sleep), rgba, lambda f, layer: time.sleep(0.001), workers=1, tally=tally
    )
    assert tally.decode_s >= 0.02
    assert tally.encode_s >= 0.01
    assert tally.infer_s > 0
