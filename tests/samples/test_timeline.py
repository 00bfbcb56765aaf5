from samples.timeline import Exposure, first_seen, plan_shots


def test_twos_and_threes() -> None:
    assert [Exposure(step=2).drawing(f) for f in range(6)] == [0, 0, 2, 2, 4, 4]
    assert [Exposure(step=3).drawing(f) for f in range(7)] == [0, 0, 0, 3, 3, 3, 6]


def test_fast_stretches_are_on_ones_and_leave_no_gap() -> None:
    sheet = Exposure(step=2, fast=(3, 7))
    assert [sheet.drawing(f) for f in range(10)] == [0, 0, 2, 3, 4, 5, 6, 7, 8, 8]


def test_a_still_end_shows_one_drawing() -> None:
    sheet = Exposure(step=2, still_from=5)
    assert [sheet.drawing(f) for f in range(9)] == [0, 0, 2, 2, 4, 4, 4, 4, 4]


def test_first_seen_names_the_earliest_equal() -> None:
    assert first_seen("abacb") == (0, 1, 0, 3, 1)


def test_every_plan_tiles_its_film() -> None:
    for frames in range(1, 400):
        shots = plan_shots(frames)
        assert [shot.first for shot in shots] == [0, *(shot.last + 1 for shot in shots[:-1])]
        assert shots[-1].last == frames - 1
        assert all(shot.frame_count >= min(2, frames) for shot in shots)
