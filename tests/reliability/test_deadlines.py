"""A step that takes too long is told, and its session stays in step with its answers."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openenv.core import ServerSettings, SessionBusyError, SessionClosedError, State, StepTimeoutError, SyncEnvClient
from openenv.testing import serve

from .environments import Ask, Client, Gate, Sleeper, Told
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

# Resets, and steps that do not wait, have to end within it on a busy machine too.
_SHORT = ServerSettings(step_timeout_s=1.0)


def test_an_asynchronous_step_is_interrupted_and_the_session_goes_on() -> None:
    environment = Sleeper.prepared()
    with serve(environment, settings=_SHORT) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        with pytest.raises(StepTimeoutError, match="within 1 s"):
            client.step(Ask(what="wait"))

        assert environment.interrupted.wait(60)
        assert client.step(Ask(number=5)).observation.number == 5


def test_a_step_on_a_thread_keeps_its_session_busy_until_it_ends() -> None:
    environment = Gate.prepared()
    with serve(environment, settings=_SHORT) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        with pytest.raises(StepTimeoutError):
            client.step(Ask(what="wait"))
        with pytest.raises(SessionBusyError, match="still runs"):
            client.step(Ask())
        (session,) = server.app.state.openenv.sessions.sessions()
        environment.opened.set()
        wait_until(lambda: not session.is_overrun, "the step ended")

        assert client.step(Ask(number=5)).observation.count == 2


def test_a_step_that_never_ends_is_given_up_and_counted() -> None:
    environment = Gate.prepared()
    settings = ServerSettings(step_timeout_s=1.0, give_up_s=0.05)
    with serve(environment, settings=settings, max_concurrent_envs=1) as server:
        manager = server.app.state.openenv.sessions
        with Client(base_url=server.base_url).sync() as client:
            client.reset()
            with pytest.raises(StepTimeoutError):
                client.step(Ask(what="wait"))
            wait_until(lambda: manager.abandoned == 1, "the session is given up")
            assert manager.capacity.active_sessions == 0
            with pytest.raises((SessionClosedError, SessionBusyError)):
                client.step(Ask())
            with Client(base_url=server.base_url).sync() as other:
                assert other.reset().observation.count == 0

        environment.opened.set()
        wait_until(lambda: manager.abandoned == 0, "the thread is back")
        assert environment.closed.wait(60)


def test_the_deadline_of_one_request_is_kept_too() -> None:
    environment = Sleeper.prepared()
    with serve(environment) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        with pytest.raises(StepTimeoutError):
            client.step(Ask(what="wait"), timeout_s=0.01)
        assert client.step(Ask(number=5)).observation.number == 5


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_client_that_gives_up_interrupts_the_step_and_stays_in_step(is_sync: bool) -> None:
    environment = Sleeper.prepared()

    def play_sync(url: str) -> int:
        with Client(base_url=url, message_timeout_s=2.0).sync() as client:
            client.reset()
            with pytest.raises(StepTimeoutError, match="message_timeout_s"):
                client.step(Ask(what="wait"))
            return client.step(Ask(number=5)).observation.number

    async def play_async(url: str) -> int:
        async with Client(base_url=url, message_timeout_s=2.0) as client:
            await client.reset()
            with pytest.raises(StepTimeoutError, match="message_timeout_s"):
                await client.step(Ask(what="wait"))
            return (await client.step(Ask(number=5))).observation.number

    with serve(environment) as server:
        assert (play_sync(server.base_url) if is_sync else asyncio.run(play_async(server.base_url))) == 5
        assert environment.interrupted.wait(60)


def test_a_task_that_is_cancelled_interrupts_its_step() -> None:
    environment = Sleeper.prepared()

    async def play(url: str) -> int:
        async with Client(base_url=url) as client:
            await client.reset()
            hung = asyncio.ensure_future(client.step(Ask(what="wait")))
            dropped = asyncio.ensure_future(client.step(Ask(number=1)))
            await asyncio.to_thread(environment.entered.wait, 30)
            dropped.cancel()
            hung.cancel()
            await asyncio.gather(hung, dropped, return_exceptions=True)
            return (await client.step(Ask(number=5))).observation.count

    with serve(environment) as server:
        # The step that waited for its turn was never made.
        assert asyncio.run(play(server.base_url)) == 1
        assert environment.interrupted.is_set()


def _hang(client: SyncEnvClient[Ask, Told, State]) -> None:
    with pytest.raises(StepTimeoutError):
        client.step(Ask(what="wait"))


def test_other_sessions_do_not_notice_a_step_that_hangs() -> None:
    environment = Gate.prepared()
    with serve(environment, settings=_SHORT) as server:
        clients = [Client(base_url=server.base_url).sync().connect() for _ in range(4)]
        for client in clients:
            client.reset()
        hanging = threading.Thread(target=_hang, args=(clients[0],))
        hanging.start()
        assert environment.entered.wait(60)

        assert [client.step(Ask()).observation.count for client in clients[1:]] == [1, 1, 1]

        hanging.join(60)
        environment.opened.set()
        for client in clients:
            client.close()
