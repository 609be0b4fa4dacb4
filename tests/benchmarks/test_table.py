import pytest

from benchmarks.statistics import Row
from benchmarks.table import figure, markdown_table, terminal_table

REACHED = Row("steps", "/s", ours=[900.0, 1000.0], theirs=[100.0, 100.0], more_is_better=True, target=5.0)
MISSED = Row("memory", "MB", ours=[50.0], theirs=[100.0], target=3.0, note="most of it is code")
WITHOUT_TARGET = Row("p99", "ms", ours=[2.0], theirs=[1.0])


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.001234, "0.001"), (0.5, "0.5"), (12.345, "12.3"), (1234.5, "1,234")]
)
def test_figures_have_as_many_digits_as_count(value: float, text: str) -> None:
    assert figure(value) == text


def test_markdown_tells_ratio_spread_target_and_outcome() -> None:
    lines = markdown_table([REACHED, MISSED, WITHOUT_TARGET]).splitlines()
    assert lines[2] == "| steps | 950 /s | 100 /s | 9.5× (9 to 10) | 5× | reached |"
    assert lines[3] == "| memory | 50 MB | 100 MB | 2× (2 to 2) | 3× | missed |"
    assert lines[4] == "| p99 | 2 ms | 1 ms | 0.5× (0.5 to 0.5) |  |  |"
    assert lines[-1] == "- memory: most of it is code"


def test_columns_at_a_terminal_are_even() -> None:
    head, first, second, note = terminal_table([REACHED, MISSED], "older").splitlines()
    assert head.index("older") == first.index("100 /s") == second.index("100 MB")
    assert first.endswith("reached")
    assert note == "* memory: most of it is code"
