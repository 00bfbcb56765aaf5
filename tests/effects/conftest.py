"""The small network is exported once."""

import pytest
import torch

from tests.effects.pieces import SMALL
from tests.embed.pieces import Small, exported
from trt_anime.export.effects import published
from trt_anime.export.effects.synthetic import write_clipseg


@pytest.fixture(scope="package")
def clipseg(tmp_path_factory: pytest.TempPathFactory) -> Small:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        folder = tmp_path_factory.mktemp("clipseg")
        new = published.new_clipseg
        return exported("clipseg", published.CLIPSEG, SMALL, write_clipseg, new, folder)
    finally:
        torch.set_num_threads(threads)
