"""What all sessions share: inputs, outputs, and the shapes that these can take."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from traceback import clear_frames

from trt_anime.errors import InputError
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.devices.api import Shape, Tensor
from trt_anime.runtime.sessions.api import Binding, Origin
from trt_anime.stage import SIZE, StageInfo

# A size that the graph doesn't name: an input takes any, an output's can't be known beforehand.
ANY = "?"


class BoundSession(Closing, ABC):
    """The part of `Session` that is the same for every library.

    Args:
        name: what its work is called on the device, such as ``2a``.
        source: file or stage that errors name.
    """

    def __init__(
        self,
        *,
        name: str,
        source: str,
        info: StageInfo,
        origin: Origin,
        inputs: Sequence[Binding],
        outputs: Sequence[Binding],
    ) -> None:
        self.name = name
        self.source = source
        self.info = info
        self.origin = origin
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._frame: dict[str, int] = {}

    def about_frames(self, height: int, width: int) -> None:
        """Say what size the frames have, to a graph that reads it as a value (`SIZE`) and from no shape."""
        if any(binding.name == SIZE for binding in self.inputs):
            self._frame = {"height": height, "width": width}

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Session.shapes`."""
        return resolved(self.source, self.inputs, self.outputs, inputs, frame=self._frame)

    def check_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Before addresses go to a library that believes them.

        Raises:
            InputError: shapes that the session doesn't take.
            ValueError: a tensor is absent, or has another type or size than its binding.
        """
        wanted = {binding.name: binding.dtype for binding in (*self.inputs, *self.outputs)}
        if wanted.keys() != tensors.keys():
            raise ValueError(f"{self.source}: has {sorted(wanted)}, but tensors came for {sorted(tensors)}")
        for name, dtype in wanted.items():
            if tensors[name].dtype != dtype:
                raise ValueError(f"{self.source}: `{name}` is {dtype}, but here {tensors[name].dtype}")
        shapes = self.shapes({binding.name: tensors[binding.name].shape for binding in self.inputs})
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise ValueError(f"{self.source}: `{name}` is {shape}, but here {tensors[name].shape}")

    @abstractmethod
    def close(self) -> None: ...


@contextmanager
def frames_cleared() -> Iterator[None]:
    """An error that leaves this block keeps nothing alive in the calls that it came out of.

    Its traceback holds their local variables, and with them what a library made, while session and device
    are closed on its way up. That must be freed before its stream and its device.
    """
    try:
        yield
    except BaseException as error:
        link: BaseException | None = error
        while link is not None:
            clear_frames(link.__traceback__)
            link = link.__context__
        raise


def resolved(
    source: str,
    inputs: Sequence[Binding],
    outputs: Sequence[Binding],
    shapes: Mapping[str, Shape],
    *,
    frame: Mapping[str, int] | None = None,
) -> dict[str, Shape]:
    """Shapes of all outputs, once the named sizes are known from the inputs.

    Args:
        frame: sizes of frames that come from no input's shape.

    Raises:
        InputError: an input is absent or doesn't fit its binding, one name has two sizes, or an output has
            a size that no input has.
    """
    sizes = dict(frame or {})
    for binding in inputs:
        _take_sizes(source, binding, shapes, sizes)
    return {binding.name: _sized(source, binding, sizes) for binding in outputs}


def require_image(source: str, bindings: Sequence[Binding], name: str, *, channels: int) -> None:
    """Raises InputError: there is no such binding, or it isn't uint8 [batch, height, width, `channels`]."""
    found = next((binding for binding in bindings if binding.name == name), None)
    wanted = found and found.dtype == "uint8" and len(found.shape) == 4
    if not (found and wanted and found.shape[3] in (channels, ANY)):
        raise InputError(
            f"{source}: has no `{name}` uint8 [batch, height, width, {channels}]"
            f" ({_described(found) if found else 'no binding of that name'}); run `trt-anime export`"
        )


def _take_sizes(source: str, binding: Binding, shapes: Mapping[str, Shape], sizes: dict[str, int]) -> None:
    shape = shapes.get(binding.name)
    if shape is None:
        raise InputError(f"{source}: nothing is given for its input `{binding.name}`")
    if len(shape) != len(binding.shape):
        raise _misfit(source, binding, shape)
    for size, expected in zip(shape, binding.shape, strict=True):
        if expected == ANY:
            continue
        if isinstance(expected, str):
            expected = sizes.setdefault(expected, size)
        if size != expected:
            raise _misfit(source, binding, shape)


def _sized(source: str, binding: Binding, sizes: Mapping[str, int]) -> Shape:
    unknown = [size for size in binding.shape if isinstance(size, str) and size not in sizes]
    if unknown:
        raise InputError(
            f"{source}: doesn't say how large its output {_described(binding)} will be;"
            " run `trt-anime export`"
        )
    return tuple(sizes[size] if isinstance(size, str) else size for size in binding.shape)


def _misfit(source: str, binding: Binding, shape: Shape) -> InputError:
    given = ", ".join(map(str, shape))
    return InputError(
        f"{source}: its input is {_described(binding)}, which [{given}] does not fit; use a graph or an"
        " engine for this size"
    )


def _described(binding: Binding) -> str:
    return f"`{binding.name}` {binding.dtype} [{', '.join(map(str, binding.shape))}]"
