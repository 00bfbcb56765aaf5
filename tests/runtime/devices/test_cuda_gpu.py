"""The `cuda` device on a real GPU. Here only where there is one; `make gpu-check` runs the same checks."""

import pytest

from benchmarks.gpu.checks import CHECKS
from trt_anime.errors import MissingError
from trt_anime.runtime.devices.cuda_device import CudaDevice, cuda_devices


@pytest.mark.skipif(not cuda_devices(), reason="CUDA lists no GPU here")
@pytest.mark.parametrize("name", CHECKS)
def test_on_a_real_gpu(name: str) -> None:
    with CudaDevice(0) as device:
        try:
            assert CHECKS[name](device)
        except MissingError as error:
            pytest.skip(str(error))
