"""Work for the GPU's cores whose length is chosen and whose result is known."""

import ctypes

from trt_anime.runtime.devices.api import Stream, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice

THREADS = 256

# In PTX, which the driver itself compiles: no toolkit is needed.
_PTX = b"""
.version 6.3
.target sm_75
.address_size 64

.visible .entry halve(.param .u64 values, .param .u32 rounds)
{
    .reg .pred %p<1>;
    .reg .b32 %r<4>;
    .reg .f32 %f<1>;
    .reg .b64 %d<2>;
    ld.param.u64 %d0, [values];
    ld.param.u32 %r0, [rounds];
    cvta.to.global.u64 %d0, %d0;
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r1, %r1, %r2, %r3;
    mul.wide.u32 %d1, %r1, 4;
    add.u64 %d0, %d0, %d1;
    ld.global.f32 %f0, [%d0];
again:
    fma.rn.f32 %f0, %f0, 0f3F000000, 0f3F800000;
    sub.u32 %r0, %r0, 1;
    setp.ne.u32 %p0, %r0, 0;
    @%p0 bra again;
    st.global.f32 [%d0], %f0;
    ret;
}
\0"""


class Halving:
    """Each of many float32 values v becomes v / 2 + 1, some rounds long."""

    def __init__(self, device: CudaDevice) -> None:
        self._device = device
        module = device.call("cuModuleLoadData", _PTX, doing="loading a kernel")
        self._function = device.call("cuModuleGetFunction", module, b"halve", doing="finding a kernel")

    def enqueue(self, values: Tensor, *, rounds: int, stream: Stream) -> None:
        """Change `values` in place.

        Args:
            values: float32 in device memory, a multiple of `THREADS` of them.
            rounds: at least 1.
        """
        blocks = values.size_bytes // 4 // THREADS
        parameters = ((values.pointer, rounds), (ctypes.c_void_p, ctypes.c_uint32))
        shape = (blocks, 1, 1, THREADS, 1, 1)
        self._device.call(
            "cuLaunchKernel", self._function, *shape, 0, stream.handle, parameters, 0, doing="a kernel"
        )


def halved(value: float, rounds: int) -> float:
    """What `Halving` makes of `value`; exact in float32 up to 20 rounds of small whole numbers."""
    for _ in range(rounds):
        value = value / 2 + 1
    return value
