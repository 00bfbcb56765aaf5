"""One torch thread, and no trace of what torch.export does."""

import logging
from collections.abc import Iterator

import pytest

from tests.torch_threads import one_thread as one_thread


@pytest.fixture(scope="package", autouse=True)
def no_trace() -> Iterator[None]:
    """torch.export traces every step; pytest would keep it all."""
    logger = logging.getLogger("torch.__trace")
    logger.propagate, before = False, logger.propagate
    yield
    logger.propagate = before
