"""The spans of a session: one for each episode, and below it one for each of its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, Span, Status, StatusCode

from .... import __version__
from ...wire.codec import decode
from ...wire.frames import Answer, JsonObject, Request, RequestKind
from . import logs

__all__ = ["EpisodeSpans", "continued"]

_logger = logs.server_logger(__name__)

_TRACED = {RequestKind.RESET, RequestKind.STEP, RequestKind.MCP}

_SESSION = "openenv.session.id"
_EPISODE = "openenv.episode.id"
_ENVIRONMENT = "openenv.env.name"
_STEPS = "openenv.step.count"
_REWARD = "openenv.reward"
_RETURN = "openenv.episode.return"
_DONE = "openenv.done"
_ERROR = "error.type"


@contextmanager
def continued(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    """Have spans begin below the one that W3C trace context headers name, if any."""
    carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    token = context.attach(propagate.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)


class EpisodeSpans:
    """The spans of one session."""

    def __init__(self, session_id: str, environment_name: str) -> None:
        """Make the spans of a session that has no episode yet.

        Args:
            session_id: The session's id.
            environment_name: The name of its environment.
        """
        self._tracer = trace.get_tracer("openenv", __version__)
        self._constant = {_SESSION: session_id, _ENVIRONMENT: environment_name}
        self._episode: Span = trace.INVALID_SPAN
        self._episode_id = ""
        self._steps = 0
        self._return = 0.0
        self._is_done = False

    async def over(self, request: Request, ask: Callable[[Request], Awaitable[Answer]]) -> Answer:
        """Return the answer to a request, with a span from when it is asked until it is answered."""
        if request.kind not in _TRACED:
            return await ask(request)
        if request.kind is RequestKind.RESET:
            self.end()
        if not self._episode.get_span_context().is_valid:
            self._begin(request)
        try:
            with self._request_span(request) as span:
                answer = await ask(request)
                is_over = span.is_recording() and await self._answered(span, request, answer, ask)
        except BaseException as exc:
            if request.kind is RequestKind.RESET:
                self._episode.set_attribute(_ERROR, type(exc).__name__)
                self._episode.set_status(Status(StatusCode.ERROR))
                self.end()
            raise
        if is_over and self._episode.is_recording():
            # Ended and still known: what is asked after the end belongs below it too.
            self._finish()
        return answer

    def end(self) -> None:
        """End the episode, if one is going on."""
        if self._episode.is_recording():
            self._finish()
        self._episode = trace.INVALID_SPAN

    def _finish(self) -> None:
        self._episode.set_attributes({_STEPS: self._steps, _RETURN: self._return, _DONE: self._is_done})
        self._episode.end()

    def _begin(self, request: Request) -> None:
        given = request.data.get("episode_id") if request.kind is RequestKind.RESET else None
        self._episode_id = given if isinstance(given, str) else ""
        self._steps, self._return, self._is_done = 0, 0.0, False
        self._episode = self._tracer.start_span("openenv.episode", attributes=self._known())

    def _known(self) -> dict[str, str]:
        return {**self._constant, _EPISODE: self._episode_id} if self._episode_id else self._constant

    @contextmanager
    def _request_span(self, request: Request) -> Iterator[Span]:
        asked_in = trace.get_current_span().get_span_context()
        known = asked_in.is_valid and asked_in.trace_id != self._episode.get_span_context().trace_id
        with self._tracer.start_as_current_span(
            f"openenv.{request.kind.value}",
            context=trace.set_span_in_context(self._episode),
            attributes=self._known(),
            links=[Link(asked_in)] if known else None,
        ) as span:
            try:
                yield span
            except BaseException as exc:
                span.set_attribute(_ERROR, type(exc).__name__)
                raise

    async def _answered(
        self, span: Span, request: Request, answer: Answer, ask: Callable[[Request], Awaitable[Answer]]
    ) -> bool:
        """Say what an answer tells; return whether the episode is over."""
        if request.kind is RequestKind.MCP:
            return False
        data: JsonObject = decode(answer.data)
        reward, self._is_done = data.get("reward"), data.get("done") is True
        if request.kind is RequestKind.STEP:
            self._steps += 1
        elif not self._episode_id:
            await self._ask_episode_id(span, ask)
        span.set_attributes({_STEPS: self._steps, _DONE: self._is_done})
        if isinstance(reward, (int, float)):
            span.set_attribute(_REWARD, float(reward))
            self._return += float(reward)
        return self._is_done

    async def _ask_episode_id(self, span: Span, ask: Callable[[Request], Awaitable[Answer]]) -> None:
        """Learn the id that the environment chose, which only its state tells."""
        try:
            state = decode((await ask(Request(RequestKind.STATE, {}))).data)
        except Exception as exc:  # noqa: BLE001 - a state that fails must not fail the reset: its own caller is told
            _logger.debug("the episode's id is not known: %s", exc)
            return
        if isinstance(told := state.get("episode_id"), str) and told:
            self._episode_id = told
            span.set_attribute(_EPISODE, told)
            self._episode.set_attribute(_EPISODE, told)
