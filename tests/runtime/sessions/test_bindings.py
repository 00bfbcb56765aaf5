"""Shapes follow from names; what doesn't fit is one sentence before any library sees it."""

import numpy as np
import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.sessions.api import Binding
from trt_anime.runtime.sessions.bindings import ANY, require_image, resolved

BYTE = np.dtype(np.uint8)
FRAME = Binding("frame", BYTE, ("batch", "height", "width", 3))
ROI = Binding("roi", np.dtype(np.float32), ("batch", ANY, ANY))
RGBA = Binding("rgba", BYTE, ("batch", "height", "width", 4))


def test_outputs_take_the_sizes_of_the_inputs() -> None:
    shapes = {"frame": (2, 5, 7, 3), "roi": (2, 9, 4)}
    assert resolved("g", [FRAME, ROI], [RGBA], shapes) == {"rgba": (2, 5, 7, 4)}


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"roi": (2, 9, 4)}, "nothing is given for its input `frame`"),
        (
            {"frame": (2, 5, 7), "roi": (2, 9, 4)},
            r"\[batch, height, width, 3\], which \[2, 5, 7\] does not",
        ),
        ({"frame": (2, 5, 7, 4), "roi": (2, 9, 4)}, r"which \[2, 5, 7, 4\] does not fit"),
        ({"frame": (2, 5, 7, 3), "roi": (3, 9, 4)}, r"`roi` float32 \[batch, \?, \?\], which \[3, 9, 4\]"),
    ],
)
def test_inputs_that_do_not_fit(shapes: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(InputError, match=rf"^g\.onnx: .*{words}"):
        resolved("g.onnx", [FRAME, ROI], [RGBA], shapes)


def test_fixed_sizes() -> None:
    fixed = Binding("frame", BYTE, ("batch", 32, 32, 3))
    out = Binding("rgba", BYTE, ("batch", 32, 32, 4))
    assert resolved("g", [fixed], [out], {"frame": (5, 32, 32, 3)}) == {"rgba": (5, 32, 32, 4)}
    with pytest.raises(InputError, match=r"\[batch, 32, 32, 3\], which \[1, 32, 33, 3\] does not fit"):
        resolved("g", [fixed], [out], {"frame": (1, 32, 33, 3)})


@pytest.mark.parametrize("size", [ANY, "queries"])
def test_an_output_of_unknown_size(size: str) -> None:
    out = Binding("scores", BYTE, ("batch", size))
    with pytest.raises(
        InputError, match=rf"how large its output `scores` uint8 \[batch, {'.' + size[1:]}\]"
    ):
        resolved("g", [FRAME], [out], {"frame": (1, 5, 7, 3)})


@pytest.mark.parametrize(
    "binding",
    [
        Binding("rgba", np.dtype(np.float32), RGBA.shape),
        Binding("rgba", BYTE, ("batch", "height", "width", 3)),
        Binding("rgba", BYTE, ("height", "width", 4)),
        Binding("alpha", BYTE, RGBA.shape),
    ],
)
def test_what_is_no_image(binding: Binding) -> None:
    with pytest.raises(InputError, match=r"^g: has no `rgba` uint8 \[batch, height, width, 4\]"):
        require_image("g", [binding], "rgba", channels=4)


def test_images() -> None:
    require_image("g", [FRAME, RGBA], "rgba", channels=4)
    require_image("g", [Binding("rgba", BYTE, (ANY,) * 4)], "rgba", channels=4)
