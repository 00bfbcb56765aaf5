import re

import pytest

from trt_anime.engines.targets import CARDS, RTX_CAPABILITIES, Target, targets_from_names
from trt_anime.errors import InputError


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("GTX 1630", "rtx-sm75"),
        ("gtx-1660", "rtx-sm75"),
        ("1660 ti", "rtx-sm75"),
        ("GeForce GTX 1650 SUPER", "rtx-sm75"),
        ("NVIDIA GeForce GTX 1660 Ti with Max-Q Design", "rtx-sm75"),
        ("RTX 2060 12GB", "rtx-sm75"),
        ("rtx2080ti", "rtx-sm75"),
        ("NVIDIA GeForce RTX 2070 Super with Max-Q Design", "rtx-sm75"),
        ("NVIDIA TITAN RTX", "rtx-sm75"),
        ("Quadro RTX 5000 with Max-Q Design", "rtx-sm75"),
        ("Quadro T2000", "rtx-sm75"),
        ("T1000 8GB", "rtx-sm75"),
        ("t4", "rtx-sm75"),
        ("Tesla T4", "rtx-sm75"),
        ("a100", "rtx-sm80"),
        ("a100-80gb", "rtx-sm80"),
        ("NVIDIA A100-SXM4-80GB", "rtx-sm80"),
        ("NVIDIA A100 80GB PCIe", "rtx-sm80"),
        ("NVIDIA A800 40GB Active", "rtx-sm80"),
        ("a30", "rtx-sm80"),
        ("NVIDIA GeForce RTX 3050 6GB Laptop GPU", "rtx-sm86"),
        ("NVIDIA GeForce RTX 3060 Laptop", "rtx-sm86"),
        ("3080 12GB", "rtx-sm86"),
        ("rtx_3090", "rtx-sm86"),
        ("A6000", "rtx-sm86"),
        ("NVIDIA RTX A2000 12GB", "rtx-sm86"),
        ("a2", "rtx-sm86"),
        ("a10", "rtx-sm86"),
        ("NVIDIA A10G", "rtx-sm86"),
        ("4090", "rtx-sm89"),
        ("rtx4090", "rtx-sm89"),
        ("rtx4090laptop", "rtx-sm89"),
        ("RTX 4090 D", "rtx-sm89"),
        ("4070 ti", "rtx-sm89"),
        ("GeForce RTX 4070 Ti SUPER", "rtx-sm89"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-sm89"),
        ("NVIDIA RTX 4000 SFF Ada Generation", "rtx-sm89"),
        ("NVIDIA RTX 500 Ada Generation Laptop GPU", "rtx-sm89"),
        ("l4", "rtx-sm89"),
        ("l40s", "rtx-sm89"),
        ("h100-sxm", "trt-sm90"),
        ("NVIDIA H100 80GB HBM3", "trt-sm90"),
        ("NVIDIA H100 NVL", "trt-sm90"),
        ("h200", "trt-sm90"),
        ("NVIDIA GH200 480GB", "trt-sm90"),
        ("NVIDIA GH200 144G HBM3e", "trt-sm90"),
        ("b200", "trt-sm100"),
        ("GB200 NVL72", "trt-sm100"),
        ("NVIDIA B300 SXM6 AC", "trt-sm103"),
        ("gb300", "trt-sm103"),
        ("rtx5090", "rtx-sm120"),
        ("RTX 5090 D", "rtx-sm120"),
        ("NVIDIA GeForce RTX 5070 Ti Laptop GPU", "rtx-sm120"),
        ("5060 Ti 16GB", "rtx-sm120"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "rtx-sm120"),
        ("RTX PRO 4500 Blackwell Server Edition", "rtx-sm120"),
        ("gb10", "rtx-sm121"),
        ("DGX Spark", "rtx-sm121"),
        ("sm86", "rtx-sm86"),
        ("sm_103", "trt-sm103"),
        ("rtx-sm86", "rtx-sm86"),
        ("trt-sm86", "trt-sm86"),
    ],
)
def test_names_people_use(name: str, target: str) -> None:
    assert [found.name for found in targets_from_names(name)] == [target]


def test_each_card_by_each_of_its_names() -> None:
    """With the maker's name around it or without, and with spaces where people put them."""
    for capability, cards in CARDS.items():
        for card in cards:
            spaced = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", card)
            for name in (card, card.upper(), f"NVIDIA {spaced} Laptop GPU"):
                (target,) = targets_from_names(name)
                assert target.compute_capability == capability, name


def test_comma_list_keeps_order_and_drops_repeats() -> None:
    names = [target.name for target in targets_from_names("rtx5090, sm75,rtx 5080")]
    assert names == ["rtx-sm120", "rtx-sm75"]


def test_all_is_every_rtx_target() -> None:
    assert targets_from_names("all") == tuple(Target("rtx", sm) for sm in (75, 80, 86, 89, 120, 121))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("rtx4909", "rtx4090"),
        ("RTX 4090 Super", "rtx4090"),
        ("rtx6000", "rtx6000ada"),
        ("rtx6000", "quadrortx6000"),
        ("sm88", "sm89"),
        ("rtx-sm90", "rtx-sm80"),
        ("natve", "native"),
    ],
)
def test_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"no such GPU type; did you mean .*{near}"):
        targets_from_names(name)


@pytest.mark.parametrize(
    "name", ["GTX 1080 Ti", "gtx970", "Tesla V100-SXM2-32GB", "P40", "TITAN Xp", "sm70"]
)
def test_cards_that_tensorrt_left_behind(name: str) -> None:
    with pytest.raises(InputError, match="no such GPU type; TensorRT builds for sm75"):
        targets_from_names(name)


@pytest.mark.parametrize("names", ["", "rtx4090,", "sm70", "rx7900"])
def test_no_target(names: str) -> None:
    with pytest.raises(InputError, match="no such GPU type"):
        targets_from_names(names)


def test_every_card_is_named_once() -> None:
    cards = [card for cards in CARDS.values() for card in cards]
    assert len(cards) == len(set(cards))
    assert set(RTX_CAPABILITIES) < set(CARDS)
