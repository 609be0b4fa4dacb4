"""A call of `huggingface_hub`, in a thread that is given up when it is late."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Asking"]

_ResultT = TypeVar("_ResultT")


class Asking(Generic[_ResultT]):
    """Asks a Hub once, or anew where it was cut off.

    `huggingface_hub` has one HTTP client for all threads, and closes it when any of them cannot reach its Hub: what the
    others ask at that moment then fails in whichever way.

    Attributes:
        was_cut_off: Whether the last failure may have come of that.
    """

    def __init__(self, ask: Callable[[], _ResultT], *, is_repeatable: bool) -> None:
        """Prepare the call.

        Args:
            ask: The call.
            is_repeatable: Whether it may be asked again.
        """
        self.was_cut_off = False
        self._ask = ask
        self._is_repeatable = is_repeatable
        self._is_given_up = False
        self._answers: list[_ResultT] = []
        self._errors: list[BaseException] = []

    def answer(self, timeout_s: float) -> _ResultT:
        """Return what the call returns, or raise what it raises.

        Args:
            timeout_s: Seconds to wait.

        Raises:
            TimeoutError: It took longer.
        """
        asking = threading.Thread(target=self._run, name="asks the Hub", daemon=True)
        asking.start()
        try:
            asking.join(timeout_s)
        finally:
            self._is_given_up = True
        if self._errors:
            raise self._errors[0]
        if not self._answers:
            raise TimeoutError
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._asked())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._errors.append(error)

    def _asked(self) -> _ResultT:
        from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # public, says its documentation

        while True:
            client = get_session()
            try:
                return self._ask()
            except Exception as error:
                # One that could not connect is what had the client closed.
                is_own = "connect" in type(error).__name__.lower()
                self.was_cut_off = not is_own and get_session() is not client
                if not self.was_cut_off or not self._is_repeatable or self._is_given_up:
                    raise
