"""A language model that gives the score."""

from __future__ import annotations

import inspect
import json
import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

from ..exceptions import ConfigurationError, JudgeError, RubricError
from ._chat_endpoint import ChatEndpoint
from .base import Rubric

__all__ = ["JudgeClient", "LLMJudge"]

_logger = logging.getLogger(__name__)

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PLACE = re.compile(r"\{\{|\}\}|\{(?P<name>action|observation)(?P<path>(?:\.\w+|\[\w+\])*)\}")
_THOUGHTS_END = "</think>"
_SETTINGS = ("prompt_template", "score_pattern", "default_score", "normalize", "score_key", "score_range")


class JudgeClient(Protocol):
    """What may stand in the place of an endpoint: anything that completes a prompt."""

    def complete(self, prompt: str) -> Any:
        """Return the answer to a prompt, or an awaitable of it."""
        ...


class LLMJudge(Rubric):
    """Asks a language model for the score, by a prompt with the action and its observation in it.

    It is asynchronous: an environment that uses it overrides `step_async`, and awaits `_apply_rubric_async` there.

    Attributes:
        last_answer: What the model said last; empty before that.
    """

    def __init__(
        self,
        prompt_template: str,
        client: JudgeClient | None = None,
        *,
        score_pattern: str | None = None,
        default_score: float | None = 0.0,
        normalize: bool = True,
        score_key: str | None = None,
        score_range: tuple[float, float] = (0.0, 1.0),
        base_url: str | None = None,
        model: str | None = None,
        api_key_env: str | None = "OPENAI_API_KEY",
        system_prompt: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 3,
        retry_wait_s: float = 0.5,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a judge. Give `base_url` and `model`, or a client of your own.

        Args:
            prompt_template: The prompt. `{action}` and `{observation}`, and parts of them such as `{action.message}`,
                stand for what is judged; other braces stand for themselves, as `{{` and `}}` do.
            client: Completes prompts, in the place of an endpoint.
            score_pattern: A regular expression whose first match in the answer, or the first group that took part in
                it, is the score; by default the first number.
            default_score: The score where the answer has none, which is logged; `None` to raise `JudgeError`.
            normalize: Whether scores are brought from `score_range` to 0 to 1, and cut off there.
            score_key: The key of the score in a JSON object in the answer, in the place of a pattern.
            score_range: The least and the most that the model is told to give.
            base_url: The address of an OpenAI-compatible endpoint, such as `http://localhost:8000/v1`.
            model: The model's name there.
            api_key_env: The environment variable with the endpoint's key, read for each request. Where it is not set,
                or `None`, no key is sent.
            system_prompt: What the model is told beforehand.
            timeout_s: Seconds that each try may take.
            retries: How often a request that failed for a passing reason is repeated.
            retry_wait_s: Seconds before the first repetition; doubled for each further one.
            options: Further fields of each request, such as `{"temperature": 0}`.

        Raises:
            ConfigurationError: A setting cannot work.
        """
        self.prompt_template = prompt_template
        self.score_pattern = score_pattern or f"({_NUMBER})"
        self.default_score = default_score
        self.normalize = normalize
        self.score_key = score_key
        self.score_range = score_range
        self.last_answer = ""
        self._system_prompt = system_prompt
        self._client = client
        self._endpoint: ChatEndpoint | None = None
        if client is None:
            if not base_url or not model:
                raise ConfigurationError("expected base_url=… and model=… of an endpoint, or client=…, for LLMJudge")
            self._endpoint = ChatEndpoint(
                base_url, model, api_key_env, timeout_s, retries, retry_wait_s, dict(options or {})
            )
        elif base_url or model:
            raise ConfigurationError("expected base_url=… and model=…, or client=…, for LLMJudge; got both")
        self._check()

    def _check(self) -> None:
        """Check the settings that a state dict may change.

        Raises:
            ConfigurationError: One cannot work.
        """
        try:
            re.compile(self.score_pattern)
        except re.error as exc:
            raise ConfigurationError(f"expected a regular expression as score_pattern: {exc}") from exc
        try:
            # A state dict that was written as JSON has a list.
            low, high = self.score_range
            self.score_range = (low, high)
            is_range = bool(low < high)
        except (TypeError, ValueError):
            is_range = False
        if not is_range:
            raise ConfigurationError(f"expected (least, most) as score_range, got {self.score_range!r}")

    async def forward(self, action: Any, observation: Any) -> float:
        """Return the model's score.

        Raises:
            JudgeError: It could not be asked; or it gave no score, and `default_score` is `None`.
            RubricError: The prompt names a part that the action or the observation does not have.
        """
        self.last_answer = answer = await self._ask(self._prompt(action, observation))
        score = self._score_in(answer.rpartition(_THOUGHTS_END)[2])
        if score is None:
            return self._without_score(answer)
        if not self.normalize:
            return score
        low, high = self.score_range
        return min(max((score - low) / (high - low), 0.0), 1.0)

    async def _ask(self, prompt: str) -> str:
        if self._endpoint is not None:
            system = [] if self._system_prompt is None else [{"role": "system", "content": self._system_prompt}]
            return await self._endpoint.complete([*system, {"role": "user", "content": prompt}])
        if self._client is None:
            raise AssertionError("a judge has an endpoint or a client")
        answer = self._client.complete(prompt)
        return str(await answer if inspect.isawaitable(answer) else answer)

    def _prompt(self, action: Any, observation: Any) -> str:
        judged = {"action": action, "observation": observation}

        def put(place: re.Match[str]) -> str:
            name = place["name"]
            if name is None:
                return place[0][0]
            try:
                return f"{{0{place['path']}}}".format(judged[name])
            except (AttributeError, LookupError, TypeError) as exc:
                kind = type(judged[name]).__name__
                raise RubricError(f"the prompt asks for {place[0]}, and the {name} is a {kind}: {exc}") from exc

        return _PLACE.sub(put, self.prompt_template)

    def _score_in(self, answer: str) -> float | None:
        if self.score_key is not None:
            found = _objects_in(answer)
            value = next((each[self.score_key] for each in found if self.score_key in each), None)
        else:
            match = re.search(self.score_pattern, answer)
            value = None if match is None else next((each for each in match.groups() if each is not None), match[0])
        try:
            score = math.nan if value is None else float(value)
        except (TypeError, ValueError):
            return None
        return score if math.isfinite(score) else None

    def _without_score(self, answer: str) -> float:
        wanted = f"{self.score_key!r} in a JSON object" if self.score_key else f"a match of {self.score_pattern}"
        told = f"expected a score in the judge's answer, as {wanted}, got {answer[:300]!r}"
        if self.default_score is None:
            raise JudgeError(told, status=200, answer=answer)
        _logger.warning("%s: the score is %g", told, self.default_score)
        return self.default_score

    def state_dict(self) -> dict[str, Any]:
        """Return the settings to keep; where and what the model is does not belong to them."""
        return {**{name: getattr(self, name) for name in _SETTINGS}, **super().state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over settings that `state_dict` returned, as far as they are there.

        Raises:
            ConfigurationError: One cannot work.
        """
        before = {name: getattr(self, name) for name in _SETTINGS}
        self.__dict__.update({name: state.get(name, value) for name, value in before.items()})
        try:
            self._check()
        except ConfigurationError:
            self.__dict__.update(before)
            raise
        super().load_state_dict(state)


def _objects_in(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in a text, the last ones first: models think aloud before they decide."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    position = 0
    while (start := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, start)
            found.append(value)
        except ValueError:
            position = start + 1
    return found[::-1]
