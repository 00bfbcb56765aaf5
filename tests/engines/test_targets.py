import pytest

from trt_anime.engines.targets import CARDS, RTX_CAPABILITIES, Target, targets_from_names
from trt_anime.errors import InputError


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("rtx4090", "rtx-sm89"),
        ("GeForce RTX 4070 Ti SUPER", "rtx-sm89"),
        ("NVIDIA GeForce RTX 3060 Laptop", "rtx-sm86"),
        ("gtx-1660", "rtx-sm75"),
        ("rtx5090", "rtx-sm120"),
        ("gb10", "rtx-sm121"),
        ("A6000", "rtx-sm86"),
        ("l40s", "rtx-sm89"),
        ("t4", "rtx-sm75"),
        ("a100", "rtx-sm80"),
        ("sm86", "rtx-sm86"),
        ("rtx-sm86", "rtx-sm86"),
        ("h200", "trt-sm90"),
        ("b200", "trt-sm100"),
    ],
)
def test_names_people_use(name: str, target: str) -> None:
    assert [found.name for found in targets_from_names(name)] == [target]


def test_comma_list_keeps_order_and_drops_repeats() -> None:
    names = [target.name for target in targets_from_names("rtx5090, sm75,rtx 5080")]
    assert names == ["rtx-sm120", "rtx-sm75"]


def test_all_is_every_rtx_target() -> None:
    assert targets_from_names("all") == tuple(Target("rtx", sm) for sm in (75, 80, 86, 89, 120, 121))


@pytest.mark.parametrize(("name", "near"), [("rtx4909", "rtx4090"), ("sm88", "sm89"), ("natve", "native")])
def test_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"no such GPU type; did you mean .*{near}"):
        targets_from_names(name)


@pytest.mark.parametrize("names", ["", "rtx4090,", "sm70", "rx7900"])
def test_no_target(names: str) -> None:
    with pytest.raises(InputError, match="no such GPU type"):
        targets_from_names(names)


def test_every_card_is_named_once() -> None:
    cards = [card for cards in CARDS.values() for card in cards]
    assert len(cards) == len(set(cards))
    assert set(RTX_CAPABILITIES) < set(CARDS)
