from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.document import write
from benchmarks.plot import svg
from benchmarks.results import Result, load, save
from benchmarks.statistics import Row

REACHED = Row("steps & more", "/s", ours=[900.0, 1000.0], theirs=[100.0, 100.0], more_is_better=True, target=5.0)
MISSED = Row("memory", "MB", ours=[200.0], theirs=[100.0], target=3.0)
FREE = Row("p99", "ms", ours=[2.0], theirs=[2.5])
HERE = {"date": "2026-01-02", "revision": "abc", "machine": "a machine", "python": "3.11.7", "load": "0.1"}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "performance.md"
    path.write_text("before\n\n<!-- measured -->\nold\n<!-- /measured -->\n\nafter\n")
    return path


def test_results_survive_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert load(path) == {}
    results = {"steps_sync": Result([REACHED, MISSED], HERE)}
    save(path, results)
    assert load(path) == results


def test_the_document_changes_between_its_markers_only(document: Path, tmp_path: Path) -> None:
    results = {"memory": Result([MISSED], HERE), "steps_sync": Result([REACHED], HERE), "scale": Result([FREE], HERE)}
    write(document, tmp_path / "performance.svg", results)
    text = document.read_text()
    assert text.startswith("before\n\n<!-- measured -->\n- Measured on 2026-01-02 at revision abc: a machine; ")
    assert text.endswith("<!-- /measured -->\n\nafter\n")
    assert "old" not in text
    # In the order of the catalogue, and apart from what compares with something else.
    assert text.index("steps & more") < text.index("| memory") < text.index("for scale:") < text.index("| p99")
    assert (tmp_path / "performance.svg").exists()


def test_what_was_measured_elsewhere_says_so(document: Path, tmp_path: Path) -> None:
    elsewhere = HERE | {"machine": "another machine", "load": "9.0"}
    write(
        document,
        tmp_path / "performance.svg",
        {"steps_sync": Result([REACHED], HERE), "memory": Result([MISSED], elsewhere)},
    )
    told = [line for line in document.read_text().splitlines() if line.startswith("- Measured")]
    assert "(`steps_sync`): a machine" in told[0]
    assert "(`memory`): another machine" in told[1]


def test_a_document_without_markers_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("no markers\n")
    with pytest.raises(ValueError, match="expected the lines '<!-- measured -->'"):
        write(path, tmp_path / "performance.svg", {"memory": Result([MISSED], HERE)})
    assert path.read_text() == "no markers\n"


def test_the_plot_shows_what_was_reached_and_what_was_not() -> None:
    drawn = ElementTree.fromstring(svg("title", [REACHED, MISSED, FREE]))  # noqa: S314  # drawn here
    bars = [bar for bar in drawn.iter() if bar.tag.endswith("rect")]
    assert [bar.get("class") for bar in bars] == ["reached", "missed", "free"]
    # Worse than 0.10.0 is drawn to the left of what is equal to it.
    assert float(bars[1].attrib["x"]) < float(bars[0].attrib["x"]) == float(bars[2].attrib["x"])
    assert len([path for path in drawn.iter() if path.get("class") == "target"]) == 2


def test_what_is_infinitely_better_leaves_the_others_their_length() -> None:
    lost = Row("succeeded", "%", ours=[100.0], theirs=[0.0], more_is_better=True)
    drawn = ElementTree.fromstring(svg("title", [REACHED, lost]))  # noqa: S314  # drawn here
    widths = [float(bar.attrib["width"]) for bar in drawn.iter() if bar.tag.endswith("rect")]
    assert widths[1] >= widths[0] > 100
