"""An endpoint that speaks OpenAI's chat completions, as most servers of language models do."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._http import HttpAnswer, fetch
from .._own_thread import in_own_thread
from .._secrets import mask
from ..exceptions import ConfigurationError, ConnectError, JudgeError, RequestTimeoutError

__all__ = ["ChatEndpoint"]

_PATH = "/chat/completions"
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_WAIT_S = 60.0
_SHOWN = 300


@dataclass(frozen=True)
class ChatEndpoint:
    """A model behind `POST {base_url}/chat/completions`.

    Attributes:
        base_url: The address, with the `/v1` that it ends with at most servers.
        model: The model's name.
        api_key_env: The environment variable with the key, read for each request; `None` for no key.
        timeout_s: Seconds that each try may take.
        retries: How often a request that failed for a passing reason is repeated.
        retry_wait_s: Seconds before the first repetition; doubled for each further one.
        options: Further fields of each request.
    """

    base_url: str
    model: str
    api_key_env: str | None = None
    timeout_s: float = 60.0
    retries: int = 3
    retry_wait_s: float = 0.5
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ConfigurationError: One cannot work.
        """
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"expected an address such as http://localhost:8000/v1, got {self.base_url!r}")
        if self.timeout_s <= 0 or self.retries < 0 or self.retry_wait_s < 0:
            raise ConfigurationError(
                f"expected timeout_s > 0, retries >= 0 and retry_wait_s >= 0, got {self.timeout_s!r}, {self.retries!r} "
                f"and {self.retry_wait_s!r}"
            )

    @property
    def url(self) -> str:
        """Return the address that requests go to."""
        return self.base_url.rstrip("/") + _PATH

    async def complete(self, messages: list[dict[str, str]]) -> str:
        """Return what the model says to messages.

        Raises:
            JudgeError: It could not be asked, or said nothing.
        """
        body = json.dumps({"model": self.model, "messages": messages, **self.options}).encode()
        for retry in range(self.retries + 1):
            try:
                answer = await in_own_thread(lambda: self._ask(body))
            except (ConnectError, RequestTimeoutError) as exc:
                if retry == self.retries:
                    raise JudgeError(f"{self.model} could not be asked in {_tries(retry)}: {exc}") from exc
                wait_s = self._wait_s(retry, None)
            else:
                if answer.status not in _WORTH_ANOTHER_TRY or retry == self.retries:
                    return self._said(answer, retry)
                wait_s = self._wait_s(retry, answer.headers.get("retry-after"))
            await asyncio.sleep(wait_s)
        raise AssertionError("every try returns or raises")

    def _ask(self, body: bytes) -> HttpAnswer:
        key = os.environ.get(self.api_key_env, "").strip() if self.api_key_env else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return fetch(self.url, body=body, headers=headers, timeout_s=self.timeout_s)

    def _wait_s(self, retry: int, retry_after: str | None) -> float:
        # Spread, so that many that failed together do not come back together.
        usual: float = self.retry_wait_s * 2**retry * (0.5 + random.random())  # noqa: S311 - no secret
        return min(max(usual, _wished_s(retry_after)), _LONGEST_WAIT_S)

    def _said(self, answer: HttpAnswer, retry: int) -> str:
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        # Some servers write an error of null beside a good answer.
        if answer.status != 200 or not isinstance(told, dict) or told.get("error"):
            raise self._refused(answer, told, retry)
        text = _text_of(told)
        if not text:
            raise JudgeError(f"{self.model} said nothing: {_excerpt(answer.body)}", status=answer.status)
        return text

    def _refused(self, answer: HttpAnswer, told: Any, retry: int) -> JudgeError:
        error = told.get("error") if isinstance(told, dict) else None
        reason = error.get("message") if isinstance(error, dict) else error
        what = str(reason) if reason else _excerpt(answer.body)
        return JudgeError(
            f"{self.url} answered a request for {self.model!r} by HTTP status {answer.status} in {_tries(retry)}: "
            f"{mask(what)}{self._advice(answer.status)}",
            status=answer.status,
        )

    def _advice(self, status: int) -> str:
        if status in {401, 403}:
            if self.api_key_env is None:
                return ". Give api_key_env, the name of the environment variable with the key"
            is_set = "holds another key" if os.environ.get(self.api_key_env) else "is not set"
            return f". The key is read from the environment variable {self.api_key_env}, which {is_set}"
        if status == 404 and not self.base_url.rstrip("/").endswith("/v1"):
            return ". Most servers want a base_url that ends with /v1"
        return ""


def _wished_s(retry_after: str | None) -> float:
    """Return the seconds that a server asks for, as a number or as a date; 0 where it asks for none."""
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(retry_after or 0)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(str(retry_after)).timestamp() - time.time()
        except ValueError:
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def _tries(retry: int) -> str:
    return "one try" if retry == 0 else f"{retry + 1} tries"


def _excerpt(body: bytes) -> str:
    text = mask(body[: 4 * _SHOWN].decode(errors="replace")).strip()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _text_of(told: dict[str, Any]) -> str:
    try:
        content = told["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return ""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
