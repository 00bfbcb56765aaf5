"""The registry of networks."""

import subprocess
import sys

import pytest
from torch import nn

from trt_anime.errors import InputError
from trt_anime.export.networks import NETWORKS, create


@pytest.mark.parametrize("name", ["u2netp", "modnet"])
def test_create_makes_a_new_network_each_time(name: str) -> None:
    first, second = create(name), create(name)
    assert isinstance(first, nn.Module)
    assert first is not second
    assert first.training


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("u2net_p", "u2netp"), ("MODNet", "modnet"), ("is-net", "isnet")]
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{nearest}'") as caught:
        create(wrong)
    assert all(name in str(caught.value) for name in NETWORKS)


def test_importing_the_registry_imports_no_torch() -> None:
    code = "import sys, trt_anime.export.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
