"""Errors of layers, by hand."""

import numpy as np
import pytest

from trt_anime.calibration.metrics.layers import effect_error, owner_error, owners
from trt_anime.errors import InputError

TRUE = np.zeros((4, 5, 4), np.float32)
TRUE[1, 1] = (0.2, 0.4, 0.0, 0.4)
TRUE[1, 2] = (0.4, 0.4, 0.4, 0.8)


def layer(height: int = 4, width: int = 5) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((height, width, 4), np.uint8)


def test_the_truth_has_no_error() -> None:
    estimated = layer()
    estimated[1, 1], estimated[1, 2] = (127.5, 255, 0, 102), (127.5, 127.5, 127.5, 204)
    error = effect_error(estimated, TRUE)
    assert error.alpha < 1e-4 and error.leak == 0 and error.pixels == 2
    assert error.colour < 0.4  # 127.5 is no level


def test_alpha_and_colour_count_where_an_effect_is_and_leak_elsewhere() -> None:
    estimated = layer()
    estimated[0, 0] = (255, 255, 255, 90)
    error = effect_error(estimated, TRUE)
    assert error.alpha == pytest.approx((102 + 204) / 2)
    assert error.colour == pytest.approx((51 + 102 + 3 * 102) / 6)
    assert error.leak == pytest.approx(90 / 18)


def test_only_what_the_mask_has_counts() -> None:
    mask = np.zeros((4, 5), np.bool_)
    mask[1, 1] = True
    error = effect_error(layer(), TRUE, mask=mask)
    assert error.pixels == 1 and error.alpha == pytest.approx(102) and error.leak == 0


def test_the_owner_is_the_one_of_whom_most_is_seen() -> None:
    back, front = layer(), layer()
    back[..., 3] = 255
    front[:, 2, 3], front[:, 3, 3], front[:, 4, 3] = 100, 128, 255
    assert owners({1: back, 2: front}, (1, 2))[0].tolist() == [1, 1, 1, 2, 2]
    assert owners({1: back, 2: front}, (2, 1))[0].tolist() == [1, 1, 1, 1, 1]
    back[..., 3] = 20
    assert owners({1: back, 2: front}, (1, 2))[0].tolist() == [0, 0, 0, 2, 2]


def test_owners_are_compared_where_both_have_one() -> None:
    true, estimated = np.array([[1, 1, 2, 0]], np.uint8), np.array([[1, 2, 0, 2]], np.uint8)
    assert owner_error(true, estimated) == 0.5
    assert owner_error(true, np.zeros_like(true)) == 0


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        effect_error(TRUE, TRUE)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="floating"):
        effect_error(layer(), layer())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one"):
        owners({}, ())
