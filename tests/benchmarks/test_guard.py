from benchmarks.guard import BOUND, WAYS, Counts, excess


def test_the_dearer_of_the_two_counts_decides() -> None:
    assert excess(Counts(300, 10), Counts(100, 10)) == 3.0
    assert excess(Counts(100, 20), Counts(100, 10)) == 2.0


def test_what_is_usual_is_within_the_bound() -> None:
    assert all(excess(way.usual, way.usual) < BOUND for way in WAYS.values())
