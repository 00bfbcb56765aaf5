"""Steps of a lane run in order; across lanes, in every order that the marks leave open."""

from random import Random

import pytest

from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.schedule import Mark, Seeded, Step


def _order(seed: int) -> str:
    """The order in which a, b and c, d run, and e, which waits for b."""
    random, done, mark = Random(seed), list[str](), Mark("b", [])
    schedule = Seeded(random.randrange)
    for name in ("first", "second", "third"):
        schedule.lane(name)
    for lane, name in ((0, "a"), (1, "c"), (0, "b")):
        schedule.submit(lane, Step(name, lambda name=name: done.append(name)))  # type: ignore[misc]
    schedule.submit(0, Step("mark", mark=mark))
    schedule.submit(2, Step("wait", needs=mark))
    schedule.submit(2, Step("e", lambda: done.append("e")))
    schedule.submit(1, Step("d", lambda: done.append("d")))
    end = Mark("end", [])
    schedule.submit(2, Step("end", mark=end))
    schedule.finish(end)
    assert "e" in done
    schedule.close()
    return "".join(done)


def test_seeds_find_every_order() -> None:
    # a < b < e and c < d: 5! / (3! * 2!) orders.
    orders = {_order(seed) for seed in range(1500)}
    assert len(orders) == 10
    assert all(
        order.index("a") < order.index("b") < order.index("e") and order.index("c") < order.index("d")
        for order in orders
    )
    assert _order(5) == _order(5)


def test_a_deadlock_says_who_waits_for_what() -> None:
    schedule, never, end = Seeded(lambda count: 0), Mark("never", []), Mark("end", [])
    lane = schedule.lane("compute")
    schedule.submit(lane, Step("wait", needs=never))
    schedule.submit(lane, Step("end", mark=end))
    with pytest.raises(
        HazardError, match="'end' is never reached: stream 'compute' waits for event 'never'"
    ):
        schedule.finish(end)
    with pytest.raises(HazardError, match="can't be ended: stream 'compute' waits for event 'never'"):
        schedule.close()


def test_a_mark_that_nobody_reaches() -> None:
    with pytest.raises(HazardError, match="'end' is never reached: no work is left"):
        Seeded(lambda count: 0).finish(Mark("end", []))
