"""`trt-anime process`."""


def process() -> None:
    """Split a video, or a folder of frames, into layers."""
