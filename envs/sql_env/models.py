"""What the SQL environment takes, and what it answers."""

from pydantic import Field

from openenv import Action, Observation, State

__all__ = ["Cell", "SqlAction", "SqlObservation", "SqlState"]

Cell = str | int | float | None


class SqlAction(Action):
    """A query, to look around or as the answer."""

    sql: str = Field(max_length=4000, description="One SELECT statement of SQLite.")
    submit: bool = Field(default=False, description="Whether its result is the answer, which ends the episode.")


class SqlObservation(Observation):
    """What a query found."""

    question: str = Field(description="What is asked.")
    tables: str = Field(description="The database's tables, as CREATE statements.")
    columns: list[str] = Field(default_factory=list, description="The names of the result's columns.")
    rows: list[list[Cell]] = Field(default_factory=list, description="The first rows of the result.")
    has_more_rows: bool = Field(default=False, description="Whether the result has more rows than are shown.")
    error: str = Field(default="", description="Why the query failed; empty if it did not.")
    is_correct: bool | None = Field(default=None, description="Whether the answer was right; null before there is one.")
    queries_left: int = Field(description="How many queries are left, the answer among them.")


class SqlState(State):
    """Where the episode stands."""

    database: str = Field(default="", description="The name of the database.")
    question: str = Field(default="", description="What is asked.")
    queries_left: int = Field(default=0, description="How many queries are left, the answer among them.")
