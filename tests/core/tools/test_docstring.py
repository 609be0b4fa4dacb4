from __future__ import annotations

import pytest

from openenv.core.tools.docstring import read_docstring


def test_nothing_is_said_without_a_docstring() -> None:
    assert read_docstring(None).description == ""
    assert read_docstring("").arguments == {}


def test_the_description_is_the_text_before_the_first_section() -> None:
    text = """Move a piece.

    Castling is a move of the king.

    Returns:
        The board.

    Args:
        to: Where to.
    """
    said = read_docstring(text)
    assert said.description == "Move a piece.\n\nCastling is a move of the king."
    assert said.arguments == {"to": "Where to."}


def test_argument_descriptions_may_have_types_and_go_on_over_lines() -> None:
    text = """Move.

    Args:
        start (str): Where from,
            as in `e2`.
        path (dict[str, tuple(int, int)], optional): The squares: all of them.
        *rest: The others.

            After an empty line.
        last:
            On a line of its own.
    """
    assert read_docstring(text).arguments == {
        "start": "Where from, as in `e2`.",
        "path": "The squares: all of them.",
        "rest": "The others. After an empty line.",
        "last": "On a line of its own.",
    }


@pytest.mark.parametrize("heading", ["Args", "Arguments", "Parameters", "Keyword Args"])
def test_every_usual_heading_of_the_arguments_is_known(heading: str) -> None:
    assert read_docstring(f"Move.\n\n{heading}:\n    to: Where to.\n").arguments == {"to": "Where to."}


def test_text_at_the_margin_ends_a_section() -> None:
    said = read_docstring("Move.\n\nArgs:\n    to: Where to.\n\nNote this: it is not an argument.\n")
    assert said.arguments == {"to": "Where to."}
    assert said.description == "Move."


def test_a_heading_with_text_behind_it_is_no_section() -> None:
    assert read_docstring("Move.\n\nNote: slowly.\n").description == "Move.\n\nNote: slowly."


def test_a_docstring_of_sections_alone_has_no_description() -> None:
    assert read_docstring("Args:\n    to: Where to.\n").description == ""


def test_numpys_sections_are_read() -> None:
    text = """Move a piece.

    Castling is a move of the king.

    Parameters
    ----------
    start : str
        Where from,
        as in `e2`.
    path, other : list[int], optional
        The squares.

        After an empty line.
    *rest
        The others.

    Returns
    -------
    board : Board
        What it looks like: all of it.
    """
    said = read_docstring(text)
    assert said.description == "Move a piece.\n\nCastling is a move of the king."
    assert said.arguments == {
        "start": "Where from, as in `e2`.",
        "path": "The squares. After an empty line.",
        "other": "The squares. After an empty line.",
        "rest": "The others.",
    }


def test_fields_of_sphinx_are_read() -> None:
    text = """Move a piece.

    :param start: Where from,
        as in `e2`.
    :type start: str
    :param list[str] path: The squares: all of them.
    :param \\*rest: The others.
    :returns: The board,
        as it is.
    :raises ValueError: It cannot.
    """
    said = read_docstring(text.replace("\\", ""))
    assert said.description == "Move a piece."
    assert said.arguments == {
        "start": "Where from, as in `e2`.",
        "path": "The squares: all of them.",
        "rest": "The others.",
    }


@pytest.mark.parametrize("line", [":light: is a colour", "Say `:x:` here.", ":param: nothing", "Title\n-----"])
def test_what_only_looks_like_another_style_is_text(line: str) -> None:
    said = read_docstring(f"Move.\n\n{line}\n")
    assert said.description == f"Move.\n\n{line}"
    assert said.arguments == {}
