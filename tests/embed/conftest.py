"""Each small network is exported once; one torch thread, as in the networks' tests."""

import pytest

from tests.embed.pieces import SMALL_CLIP, SMALL_DINO, Small, exported
from tests.torch_threads import one_thread as one_thread
from trt_anime.export.embed import published
from trt_anime.export.embed.synthetic import write_clip, write_dino


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("clip")
    return exported("clip-b32", published.CLIP, SMALL_CLIP, write_clip, published.new_clip, folder)


@pytest.fixture(scope="package")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("dino")
    return exported("dinov2-s", published.DINO, SMALL_DINO, write_dino, published.new_dino, folder)
