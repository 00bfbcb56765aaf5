"""One torch thread."""

from tests.torch_threads import one_thread as one_thread
