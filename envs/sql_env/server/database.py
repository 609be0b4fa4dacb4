"""A database that is only read, by queries that have limits."""

import math
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sql_env.models import Cell
from sql_env.server.memory import SharedMemory

__all__ = ["Database", "QueryError", "Result"]

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
# By chance a query would not give the same result twice; the others reach out of the database.
_FORBIDDEN_FUNCTIONS = {"random", "randomblob", "load_extension", "fts3_tokenizer"}
_OPERATIONS_BETWEEN_LOOKS = 100
_HEAP_BYTES = 512 * 2**20
_VALUE_BYTES = 16_384
_COLUMNS = 64
_MEMORY = SharedMemory()


class QueryError(Exception):
    """A query cannot be run, or not within the limits."""


@dataclass(frozen=True)
class Result:
    """What a query found.

    Attributes:
        columns: The names of its columns.
        rows: Its first rows.
        has_more_rows: Whether there are more.
    """

    columns: list[str]
    rows: list[list[Cell]]
    has_more_rows: bool


class Database:
    """A database in memory, which no query can change."""

    def __init__(self, script: str) -> None:
        """Make it.

        Args:
            script: The statements that make it.
        """
        self._connection = _MEMORY.use(lambda: _connected(script))
        self._deadline = math.inf
        self._confine()

    def tables(self) -> str:
        """Return the statements that make its tables."""
        found = self._connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return "\n".join(f"{sql};" for (sql,) in found)

    def run(self, sql: str, *, most_rows: int, timeout_s: float) -> Result:
        """Run a query.

        Args:
            sql: One SELECT statement.
            most_rows: How many rows to return at most.
            timeout_s: How long it may take, in seconds.

        Raises:
            QueryError: It is no query, it fails, or it takes too long or too much memory.
        """
        try:
            return _MEMORY.use(lambda: self._found(sql, most_rows, timeout_s))
        except sqlite3.OperationalError as error:
            if str(error) == "interrupted":
                raise QueryError(f"the query took longer than {timeout_s:g} s") from None
            raise QueryError(str(error)) from error
        except MemoryError:
            raise QueryError("the query takes too much memory") from None
        # Several statements are an sqlite3.Warning before Python 3.12, a character that is none a ValueError.
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise QueryError(str(error)) from error

    def _found(self, sql: str, most_rows: int, timeout_s: float) -> Result:
        self._deadline = time.monotonic() + timeout_s
        try:
            cursor = self._connection.execute(sql)
            try:
                return _result(cursor, most_rows)
            finally:
                cursor.close()
        finally:
            self._deadline = math.inf

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def _confine(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        # There is one for a process. It cannot be raised by this, only set where there was none, or lowered.
        connection.execute(f"PRAGMA hard_heap_limit = {_HEAP_BYTES}")
        if sys.version_info >= (3, 11):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
            connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _COLUMNS)
        connection.text_factory = lambda data: data.decode(errors="replace")
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(self._is_late, _OPERATIONS_BETWEEN_LOOKS)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


def _connected(script: str) -> sqlite3.Connection:
    # Sessions take turns on threads, one call at a time.
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    try:
        connection.executescript(script)
    except BaseException:
        connection.close()
        raise
    return connection


def _authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    if action not in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second in _FORBIDDEN_FUNCTIONS):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _result(cursor: sqlite3.Cursor, most_rows: int) -> Result:
    if cursor.description is None:
        raise QueryError("expected one SELECT statement, got none")
    columns = [column[0] for column in cursor.description]
    rows = [[_cell(value) for value in row] for row in _first(cursor, most_rows)]
    return Result(columns, rows, has_more_rows=cursor.fetchone() is not None)


def _first(cursor: sqlite3.Cursor, most_rows: int) -> Iterator[tuple[object, ...]]:
    for _ in range(most_rows):
        row = cursor.fetchone()
        if row is None:
            return
        yield row


def _cell(value: object) -> Cell:
    if isinstance(value, bytes):
        return value.hex()
    # JSON has no infinity.
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float) else None
