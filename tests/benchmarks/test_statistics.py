import pytest

from benchmarks.statistics import Row, Spread, percentile


def test_the_spread_is_the_middle_and_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(median=3.0, least=1.0, most=10.0)
    assert Spread.of([1.0, 2.0]) == Spread(median=1.5, least=1.0, most=2.0)


@pytest.mark.parametrize(
    ("part", "expected"), [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)]
)
def test_a_percentile_is_a_figure_that_occurred(part: float, expected: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], part) == expected


def test_ratios_are_those_of_the_rounds() -> None:
    row = Row("cost", "µs", ours=[10.0, 20.0, 30.0], theirs=[20.0, 80.0, 90.0])
    assert row.times_better == Spread(median=3.0, least=2.0, most=4.0)


def test_more_may_be_better() -> None:
    row = Row("rate", "/s", ours=[300.0], theirs=[100.0], more_is_better=True)
    assert row.times_better.median == 3.0


@pytest.mark.parametrize(("target", "reached"), [(None, True), (2.0, True), (2.1, False)])
def test_a_target_is_reached_by_the_middle_ratio(target: float | None, reached: bool) -> None:
    row = Row("cost", "µs", ours=[1.0, 1.0, 1.0], theirs=[0.5, 2.0, 9.0], target=target)
    assert row.is_reached is reached


def test_rounds_without_their_opposite_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Row("cost", "µs", ours=[1.0, 2.0], theirs=[1.0]).times_better
