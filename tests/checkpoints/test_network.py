"""The real thing, once: needs a package registry."""

import os

import pytest

from trt_anime.export import checkpoints
from trt_anime.export.catalogue import get
from trt_anime.files import sha256_of


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("TRT_ANIME_NETWORK_TESTS") != "1",
    reason="downloads 5 MB; set TRT_ANIME_NETWORK_TESTS=1",
)
def test_u2netp_from_the_world() -> None:
    model = get("u2netp")
    path = checkpoints.pull(model)
    assert sha256_of(path) == model.files[0].sha256
