"""The numbers of the hole, shared by the ONNX graph and its PyTorch twin."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HoleOptions:
    """How a hole becomes what is painted over. Lengths are in pixels of the frame.

    Pixels within `grow` of the hole are wholly painted, those beyond `grow + 2 feather` are the frame's
    own; in between the one fades into the other.

    Attributes:
        threshold: values of the hole, of 255, from which a pixel is in it. A matte is rarely 0 where the
            network merely doubts, and doubt is no reason to paint.
        grow: what antialiasing and compression carry of a character's colour beyond its matte.
        feather: half width of the fade.
    """

    threshold: int = 16
    grow: int = 2
    feather: int = 2
