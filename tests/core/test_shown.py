"""What clients and pools look like in a notebook: who they are, where, and whether they are connected."""

from __future__ import annotations

import asyncio

from echo_env import EchoEnv
from echo_env.server.echo_environment import EchoEnvironment

URL = "http://localhost:8000"


def test_a_client_shows_where_it_is_and_whether_it_is_connected() -> None:
    async def main() -> None:
        env = EchoEnv.from_environment(EchoEnvironment)
        assert repr(env) == "<EchoEnv of EchoEnvironment in this process: not connected>"
        async with env:
            assert repr(env) == "<EchoEnv of EchoEnvironment in this process: connected>"
        assert repr(env) == "<EchoEnv of EchoEnvironment in this process: closed>"

    asyncio.run(main())


def test_a_sync_client_says_that_it_is_one(echo_url: str) -> None:
    env = EchoEnv(base_url=echo_url).sync()
    assert repr(env) == f"<EchoEnv at {echo_url}: not connected, sync>"
    with env:
        assert repr(env) == f"<EchoEnv at {echo_url}: connected, sync>"
    assert repr(env) == f"<EchoEnv at {echo_url}: closed, sync>"


def test_a_pool_shows_how_many_sessions_it_has_and_where() -> None:
    pool = EchoEnv.pool(4, environment=EchoEnvironment)
    assert repr(pool) == "<EnvPool of 4 EchoEnv of EchoEnvironment in this process: not connected>"
    with pool.sync() as plain:
        assert repr(plain) == "<EnvPool of 4 EchoEnv of EchoEnvironment in this process: connected, sync>"
    assert repr(pool) == "<EnvPool of 4 EchoEnv of EchoEnvironment in this process: closed>"


def test_a_pool_over_several_servers_says_so() -> None:
    pool = EchoEnv.pool(4, urls=[URL, "http://localhost:8001", "http://localhost:8002"])

    assert repr(pool) == "<EnvPool of 4 EchoEnv at http://localhost:8000 and 2 more: not connected>"


def test_what_may_be_secret_in_an_address_is_not_shown() -> None:
    env = EchoEnv(base_url="https://me:sesame@example.org/envs/echo?token=sesame", auth_token="sesame")

    assert repr(env) == "<EchoEnv at https://example.org/envs/echo: not connected>"
