"""The checker against brute force: it objects to what isn't in order, to all of it and to nothing else."""

from collections.abc import Callable
from random import Random

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.runtime.devices.programs import Machine, Oracle, Statement, programs
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.schedule import Seeded


def _chooser(random: Random) -> Callable[[int], int]:
    return lambda count: random.randrange(count)


@settings(max_examples=400, deadline=None)
@given(programs(), st.integers(0, 2**32))
def test_objects_to_exactly_what_the_oracle_does(program: list[Statement], seed: int) -> None:
    oracle = Oracle()
    with HostDevice(Seeded(_chooser(Random(seed)))) as device:
        machine = Machine(device)
        for statement in program:
            allowed = oracle.allows(statement)
            event(f"{type(statement).__name__} {'allowed' if allowed else 'refused'}")
            assert machine.accepts(statement) == allowed, statement
        result = machine.result()
    # What is in order gives one result, whatever the interleaving. Bytes nobody wrote may be anything.
    written = {(buffer, place) for buffer, place in oracle.written}
    for buffer, (have, want) in enumerate(zip(result, machine.expected, strict=True)):
        known = np.array([(buffer, place) in written for place in range(len(want))])
        assert have[known].tolist() == want[known].tolist()
