"""How often one client may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ...exceptions import RateLimitError

__all__ = ["RateLimit"]

_MAX_CLIENTS = 16_384


class RateLimit:
    """A token bucket for each client, kept only while it is not full.

    Source: the generic cell rate algorithm (ITU-T I.371), which needs one number for a bucket: when it is full again.
    """

    def __init__(
        self,
        per_s: float,
        *,
        max_clients: int = _MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a limit that nobody has used.

        Args:
            per_s: Requests a second; as many, and at least one, may come at once.
            max_clients: How many clients are told apart; beyond that the one that asked longest ago is forgotten.
            clock: Tells the time in seconds.
        """
        self._period_s = 1 / per_s
        # A bucket holds a second's worth, and never less than one request.
        self._burst_s = max(1.0, self._period_s)
        self._max_clients = max_clients
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._full_at)

    def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RateLimitError: It asks too often; this request is not counted.
        """
        now = self._clock()
        self._full_at[client] = self._after_one_more(self._full_at.get(client, now), now)
        self._full_at.move_to_end(client)
        self._forget(now)

    def _after_one_more(self, full_at: float, now: float) -> float:
        """Return when a client's bucket is full again after one more request.

        Args:
            full_at: When it is full without.
            now: The time.

        Raises:
            RateLimitError: There is nothing left in it.
        """
        full_at = max(now, full_at) + self._period_s
        wait_s = full_at - now - self._burst_s
        # Sums of many periods are not exact: a millionth of one is no reason to refuse.
        if wait_s > 1e-6 * self._period_s:
            raise RateLimitError(math.ceil(wait_s * 1000) / 1000)
        return full_at

    def _forget(self, now: float) -> None:
        """Drop clients whose buckets are full, which is how those start that are not known."""
        while self._full_at:
            client = next(iter(self._full_at))
            if self._full_at[client] > now and len(self._full_at) <= self._max_clients:
                return
            del self._full_at[client]
