"""Who plays in sprites mode, and where on each picture hair ends and cloth hangs, in its pixels."""

from dataclasses import dataclass

from samples.arrays import Colour

Point = tuple[float, float]


@dataclass(frozen=True)
class Role:
    """A sprite of one person in one outfit.

    faces: files of the same picture with other expressions: usual, talking, eyes closed (or again usual).
    axis: column about which the figure sways. head: centre of the head. hair: outline along which loose
    strands leave. veil_root, veil_angle: where the thin ribbon is tied and which way it flies.
    """

    identity: int
    faces: tuple[str, str, str]
    axis: float
    head: Point
    hair: tuple[Point, ...]
    strands: tuple[Colour, ...]
    veil_root: Point
    veil_angle: float
    veil: Colour
    veil_line: Colour


SYLVIE_GREEN = Role(
    identity=1,
    faces=("sylvie green normal.png", "sylvie green smile.png", "sylvie green giggle.png"),
    axis=200,
    head=(205, 110),
    hair=(
        (140, 190),
        (124, 110),
        (150, 40),
        (205, 10),
        (260, 40),
        (278, 110),
        (292, 190),
        (330, 255),
        (344, 300),
    ),
    strands=((122, 46, 38), (178, 92, 40), (214, 138, 58)),
    veil_root=(240, 435),
    veil_angle=-0.25,
    veil=(186, 236, 190),
    veil_line=(34, 110, 86),
)
SYLVIE_BLUE = Role(
    identity=1,
    faces=("sylvie blue normal.png", "sylvie blue smile.png", "sylvie blue giggle.png"),
    axis=160,
    head=(160, 100),
    hair=(
        (62, 260),
        (80, 190),
        (96, 110),
        (112, 40),
        (160, 8),
        (205, 40),
        (224, 110),
        (250, 190),
        (276, 260),
    ),
    strands=((110, 44, 34), (170, 84, 38), (206, 126, 50)),
    veil_root=(150, 190),
    veil_angle=0.55,
    veil=(250, 214, 150),
    veil_line=(150, 84, 40),
)
LUCY = Role(
    identity=2,
    faces=("lucy happy.png", "lucy happy.png", "lucy happy.png"),
    axis=225,
    head=(225, 160),
    hair=(
        (104, 320),
        (130, 230),
        (136, 130),
        (165, 75),
        (225, 58),
        (280, 78),
        (300, 140),
        (318, 230),
        (370, 350),
    ),
    strands=((18, 18, 22), (44, 46, 58), (70, 74, 92)),
    veil_root=(225, 292),
    veil_angle=2.5,
    veil=(168, 196, 240),
    veil_line=(24, 40, 90),
)
EILEEN = Role(
    identity=3,
    faces=("eileen happy.png", "eileen vhappy.png", "eileen happy.png"),
    axis=160,
    head=(160, 130),
    hair=((34, 220), (52, 130), (90, 48), (160, 12), (220, 44), (262, 130), (280, 225)),
    strands=((150, 52, 62), (214, 88, 92), (240, 128, 118)),
    veil_root=(165, 405),
    veil_angle=2.7,
    veil=(206, 204, 232),
    veil_line=(60, 66, 100),
)
