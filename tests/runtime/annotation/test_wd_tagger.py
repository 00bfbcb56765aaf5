"""A tagger as its publishers give it: prepared as they say, and its list read as it is."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.wd_tagger import (
    WdLabels,
    WdTagger,
    prepared,
    read_labels,
    wd_tagger_from,
)

LIST = """tag_id,name,category,count
9999999,general,9,807858
9999998,sensitive,9,3771700
470575,1girl,0,4225150
212816,^_^,0,3
55,"hatsune_miku_(append)",4,999
"""
SIDE = 448


def graph(path: Path, *, side: int = SIDE, last: int = 3, weights: int = 5) -> Path:
    """Scores: sigmoids of the mean blue, green and red (in this order), and of their sum twice."""
    table = np.zeros((last, weights), np.float32)
    table[:3, :3] = np.eye(3)
    table[:, 3:] = 1
    nodes = [
        helper.make_node("Sub", ["picture", "middle"], ["centred"]),
        helper.make_node("ReduceMean", ["centred", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "table"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["predictions_sigmoid"]),
    ]
    inner = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", side, side, last])],
        [helper.make_tensor_value_info("predictions_sigmoid", TensorProto.FLOAT, ["batch", weights])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(np.array(128, np.float32), "middle"),
            numpy_helper.from_array(table, "table"),
        ],
    )
    save(helper.make_model(inner, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def labels(folder: Path, text: str = LIST) -> Path:
    path = folder / "selected_tags.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_list_is_read_with_its_categories(tmp_path: Path) -> None:
    found = read_labels(labels(tmp_path))
    assert found.names == ("general", "sensitive", "1girl", "^_^", "hatsune_miku_(append)")
    assert found.groups == ("rating", "rating", "general", "general", "character")


def test_a_frame_is_put_on_white_in_bgr() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[..., 0] = 200
    square = prepared(rgb, 64)
    assert square.shape == (1, 64, 64, 3) and square.dtype == np.float32
    assert (square[0, :15] == 255).all() and (square[0, -15:] == 255).all()
    assert (square[0, 20:44] == (0, 0, 200)).all()
    upright = prepared(np.ascontiguousarray(rgb.transpose(1, 0, 2)), 64)
    np.testing.assert_array_equal(upright, square.transpose(0, 2, 1, 3))


def test_a_tagger_on_disk_tags_frames(tmp_path: Path) -> None:
    tagger = wd_tagger_from(graph(tmp_path / "model.onnx"), labels(tmp_path), threads=1)
    assert (tagger.side, tagger.input, tagger.output) == (SIDE, "picture", "predictions_sigmoid")
    frame = np.full((300, 300, 3), 128, np.uint8)
    frame[..., 2], frame[..., 0] = 120, 129  # blue below the middle, red above
    dull, bright = tagger.tags([frame, np.full((300, 300, 3), 130, np.uint8)])
    assert [(tag.name, tag.group, tag.source) for tag in dull] == [
        ("1girl", "general", "wd"),
        ("sensitive", "rating", "wd"),
    ]
    assert dull[0].score == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
    assert [tag.name for tag in bright[:2]] == ["^_^", "hatsune_miku_(append)"] and len(bright) == 4


@pytest.mark.parametrize(("score", "kept"), [(0.84, False), (0.86, True)])
def test_characters_need_more_certainty(score: float, kept: bool) -> None:
    found = WdTagger(
        run=lambda inputs: {"output": np.array([[score, 0.36, 0.34]], np.float32)},
        labels=WdLabels(("someone", "hat", "coat"), ("character", "general", "general")),
    ).tags([np.zeros((8, 8, 3), np.uint8)])[0]
    assert [tag.name for tag in found] == ["someone"] * kept + ["hat"]


def test_a_list_of_another_tagger_is_refused(tmp_path: Path) -> None:
    tagger = wd_tagger_from(graph(tmp_path / "m.onnx", weights=6), labels(tmp_path), threads=1)
    with pytest.raises(InputError, match="gives 6 scores, and its list has 5 tags"):
        tagger.tags([np.zeros((8, 8, 3), np.uint8)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,count\na,1\n", "no column category"),
        ("", "no column category and name"),
        ("tag_id,name,category,count\n", "is empty"),
        ("tag_id,name,category,count\n1,a,x,2\n", "can't be read as a list"),
        ("tag_id,name,category,count\n1,a\n", "can't be read as a list"),
    ],
)
def test_a_bad_list_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_labels(labels(tmp_path, text))


def test_other_graphs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"no\.onnx: can't be loaded as a tagger"):
        wd_tagger_from(tmp_path / "no.onnx", labels(tmp_path), threads=1)
    with pytest.raises(InputError, match="import a WD tagger's"):
        wd_tagger_from(graph(tmp_path / "m.onnx", last=SIDE, side=3), labels(tmp_path), threads=1)
