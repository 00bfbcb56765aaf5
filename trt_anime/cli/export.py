"""`trt-anime export`."""


def export() -> None:
    """Turn a checkpoint into a stage graph."""
