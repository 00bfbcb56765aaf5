"""The stages of the chain that run per frame, as data: what each needs and which layer it gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A result that becomes files.

    Attributes:
        name: of the video file, or of the part in an EXR.
        folder: below the output folder.
        binding: the stage's output that holds it, uint8 [batch, height, width, 4], straight alpha.
    """

    name: str
    folder: str
    binding: str = "rgba"


@dataclass(frozen=True)
class Stage:
    """A stage.

    Attributes:
        number: as users write it, such as ``2a``.
        graph: the stage graph's name in its own description, such as ``matte``.
        inputs: for each of its inputs, where that comes from: ``frame``, or a stage and its output,
            such as ``2a.rgba``.
    """

    number: str
    graph: str
    inputs: dict[str, str]
    layers: tuple[Layer, ...]


STAGES: dict[str, Stage] = {
    stage.number: stage
    for stage in (
        Stage("2a", "matte", {"frame": "frame"}, (Layer("character", "stage2a_character_refine"),)),
        Stage("2b", "effects", {"frame": "frame"}, (Layer("effects", "stage2b_effect_separation"),)),
        Stage("2c", "inpaint", {"frame": "frame"}, (Layer("background", "stage2c_background_inpaint"),)),
    )
}
