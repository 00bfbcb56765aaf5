"""A convolution of few outputs written as one of four times as many, at every second row and column.

ONNX Runtime computes 8 or 16 output channels at once, however few there are: LaMa's last convolution has
three, in 7x7. Three channels of four neighbouring pixels nearly fill the sixteen, in 8x8: a third of the
work.
"""

import numpy as np
from numpy.typing import NDArray


def four_at_once(kernel: NDArray[np.floating]) -> NDArray[np.floating]:
    """The kernel [O,C,h,w] of a convolution with stride 1, for one with stride 2: [4 O,C,h+1,w+1].

    What the latter gives, DepthToSpace with blocks of 2, mode CRD, puts in place: the same sums, and the
    same picture where its height and width are even; biases are repeated, four of each in succession.
    """
    outputs, inputs, height, width = kernel.shape
    four = np.zeros((outputs, 2, 2, inputs, height + 1, width + 1), kernel.dtype)
    for row in (0, 1):
        for column in (0, 1):
            four[:, row, column, :, row : row + height, column : column + width] = kernel
    return four.reshape(4 * outputs, inputs, height + 1, width + 1)
