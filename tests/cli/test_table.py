from trt_anime.cli.table import table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("u2netp", "4.6 MB", "small"), ("a", "175.9 MB", "")]
    assert table(("NAME", "SIZE", "WHAT"), rows).splitlines() == [
        "NAME    SIZE      WHAT",
        "u2netp  4.6 MB    small",
        "a       175.9 MB",
    ]


def test_no_rows() -> None:
    assert table(("NAME", "SIZE"), []) == "NAME  SIZE"
