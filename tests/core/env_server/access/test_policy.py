"""Who may come in: tokens and origins, over every way into a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from openenv.core import GenericEnvClient, MCPToolClient
from openenv.core.env_server.access.middleware import AccessMiddleware
from openenv.core.env_server.access.policy import AccessPolicy
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import AuthenticationError, ConfigurationError, ConnectError, SessionLostError
from openenv.core.server_info import fetch_server_info
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve

TOKEN, OTHER = "first-of-the-tokens", "second-of-the-tokens"
ORIGIN = "https://app.example.org"


class Counting(Action):
    by: int = 1


class Counter(Environment[Counting, Observation, State]):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def step(self, action: Counting, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        self._state.step_count += action.by
        return Observation(reward=float(self._state.step_count))

    @property
    def state(self) -> State:
        return self._state

    @tool
    def add(self, a: int, b: int) -> int:
        """Add."""
        return a + b


@pytest.fixture(scope="module")
def guarded() -> Iterator[RunningServer]:
    with serve(Counter, settings=ServerSettings(auth_tokens=(TOKEN, OTHER), allowed_origins=(ORIGIN,))) as server:
        yield server


@pytest.fixture(scope="module")
def unguarded() -> Iterator[RunningServer]:
    with serve(Counter, settings=ServerSettings()) as server:
        yield server


# One for all: each would read the certificates of this machine.
http = httpx.Client(
    trust_env=False,
    verify=False,  # noqa: S501 - only plain HTTP to this machine
    limits=httpx.Limits(max_keepalive_connections=0),
)


@pytest.fixture(autouse=True)
def _no_token_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENENV_AUTH_TOKEN", raising=False)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ws_url(server: RunningServer, path: str = "/ws") -> str:
    return server.base_url.replace("http://", "ws://") + path


def handshake(server: RunningServer, path: str = "/ws", **headers: str) -> InvalidStatus | None:
    """Return how a WebSocket was refused, if it was."""
    try:
        with connect(ws_url(server, path), additional_headers=headers, proxy=None):
            return None
    except InvalidStatus as exc:
        return exc


ROUTES = [
    ("GET", "/metadata"),
    ("GET", "/schema"),
    ("GET", "/list_environments"),
    ("GET", "/sessions"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("POST", "/reset"),
    ("POST", "/step"),
    ("GET", "/state"),
    ("POST", "/mcp"),
    ("GET", "/no/such/route"),
    ("OPTIONS", "/reset"),
    ("GET", "//health"),
    ("GET", "/health/"),
    ("GET", "/Health"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        bearer(TOKEN + "x"),
    ],
    ids=["none", "wrong", "bare", "basic", "longer"],
)
def test_no_route_is_open_without_a_token(
    guarded: RunningServer, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = http.request(method, guarded.base_url + path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["detail"]["error"] == "AuthenticationError"
    assert "Authorization: Bearer" in answer.json()["detail"]["message"]


@pytest.mark.parametrize("token", [TOKEN, OTHER])
@pytest.mark.parametrize("path", ["/metadata", "/schema", "/list_environments", "/docs", "/openapi.json"])
def test_each_token_opens_each_route(guarded: RunningServer, path: str, token: str) -> None:
    assert http.get(guarded.base_url + path, headers=bearer(token)).status_code == 200


def test_health_is_open_to_all(guarded: RunningServer) -> None:
    assert http.get(guarded.base_url + "/health").json() == {"status": "healthy"}


def test_the_scheme_may_be_written_in_any_case(guarded: RunningServer) -> None:
    headers = {"Authorization": f"bEARER   {TOKEN}"}
    assert http.get(guarded.base_url + "/metadata", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/ws", "/mcp", "/ws?session_id=any", "/none"])
@pytest.mark.parametrize("headers", [{}, bearer("wrong")], ids=["none", "wrong"])
def test_no_websocket_is_open_without_a_token(guarded: RunningServer, path: str, headers: dict[str, str]) -> None:
    refused = handshake(guarded, path, **headers)
    assert refused is not None
    assert refused.response.status_code == 401
    assert refused.response.headers["WWW-Authenticate"] == "Bearer"
    assert json.loads(refused.response.body or b"")["detail"]["code"] == "ACCESS_DENIED"


def test_a_raw_websocket_of_version_1_comes_in_with_a_token(guarded: RunningServer) -> None:
    with connect(ws_url(guarded), additional_headers=bearer(), proxy=None) as websocket:
        websocket.send('{"type":"reset","data":{}}')
        assert json.loads(websocket.recv())["type"] == "observation"


def test_json_rpc_works_with_a_token(guarded: RunningServer) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    answer = http.post(guarded.base_url + "/mcp", json=call, headers=bearer())
    assert answer.json()["result"]["data"] == 3
    assert handshake(guarded, "/mcp", **bearer()) is None


def test_both_clients_come_in_with_a_token(guarded: RunningServer) -> None:
    with GenericEnvClient(guarded.base_url, auth_token=TOKEN).sync() as client:
        client.reset()
        assert client.step({"by": 2}).reward == 2


def test_an_async_client_comes_in_with_a_token(guarded: RunningServer) -> None:
    async def play() -> object:
        async with MCPToolClient(guarded.base_url, auth_token=OTHER) as client:
            return await client.call_tool("add", a=1, b=2)

    assert asyncio.run(play()) == 3


def test_the_token_comes_from_the_environment_variable_the_first_of_several(
    guarded: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENENV_AUTH_TOKEN", f" {TOKEN}, {OTHER}")
    with GenericEnvClient(guarded.base_url).sync() as client:
        client.reset()
    with pytest.raises(AuthenticationError):
        GenericEnvClient(guarded.base_url, auth_token="wrong").sync().connect()


def test_a_header_that_is_given_goes_before_the_token(guarded: RunningServer) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with GenericEnvClient(guarded.base_url, auth_token="wrong", headers=headers).sync() as client:
        client.reset()


def test_further_sessions_of_a_client_come_in_too(guarded: RunningServer) -> None:
    with GenericEnvClient(guarded.base_url, auth_token=TOKEN).sync() as client, client.new_session() as other:
        other.reset()


@pytest.mark.parametrize("token", [None, "not-a-token-of-this-server"], ids=["none", "wrong"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_client_that_is_refused_says_what_to_do_and_shows_no_token(
    guarded: RunningServer, token: str | None, how: str
) -> None:
    client = GenericEnvClient(guarded.base_url, auth_token=token)
    with pytest.raises(AuthenticationError, match=r"auth_token=….*OPENENV_AUTH_TOKEN") as caught:
        client.sync().connect() if how == "sync" else asyncio.run(client.connect())
    assert caught.value.status == 401
    assert isinstance(caught.value, ConnectError)
    shown = f"{caught.value} {caught.value!r} {client!r} {client._settings!r}"
    assert token is None or token not in shown


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ümlaut", ""])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ConfigurationError, match="auth_token") as caught:
        GenericEnvClient("http://localhost:1", auth_token=token)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_client_refused_on_its_way_back_does_not_try_again(how: str, status: int) -> None:
    """A token was taken back while the session lasted."""
    gate = Turnstile(Counter, status)
    with serve(gate) as server:
        if how == "sync":
            with GenericEnvClient(server.base_url).sync() as client:
                client.reset()
                gate.shut()
                with pytest.raises(SessionLostError, match=str(status)):
                    client.step({})
        else:

            async def play() -> None:
                async with GenericEnvClient(server.base_url) as client:
                    await client.reset()
                    gate.shut()
                    with pytest.raises(SessionLostError, match=str(status)):
                        await client.step({})

            asyncio.run(play())
    assert gate.refused == 1


class Turnstile:
    """Serves an environment until it is shut: then connections are cut, and new ones refused."""

    def __init__(self, env: type[Environment[Any, Any, Any]], status: int) -> None:
        self._app = create_app(env, settings=ServerSettings())
        self._status = status
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cut: asyncio.Event | None = None
        self.refused = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        if self._cut is None:
            self._loop, self._cut = asyncio.get_running_loop(), asyncio.Event()
        cut = self._cut

        async def receive_until_cut() -> Any:
            heard, told = asyncio.ensure_future(receive()), asyncio.ensure_future(cut.wait())
            await asyncio.wait({heard, told}, return_when=asyncio.FIRST_COMPLETED)
            heard.cancel()
            told.cancel()
            return {"type": "websocket.disconnect", "code": 1006} if cut.is_set() else heard.result()

        if not cut.is_set():
            await self._app(scope, receive_until_cut, send)
            return
        self.refused += 1
        await receive()
        await send({"type": "websocket.http.response.start", "status": self._status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})

    def shut(self) -> None:
        assert self._loop is not None
        assert self._cut is not None
        self._loop.call_soon_threadsafe(self._cut.set)


class Redirecting:
    """Sends every request on to another address."""

    def __init__(self, target: str) -> None:
        self._target = target

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = "websocket.http" if scope["type"] == "websocket" else "http"
        if scope["type"] == "lifespan":
            return
        location = (self._target + scope["path"]).encode()
        await send({"type": f"{kind}.response.start", "status": 302, "headers": [(b"location", location)]})
        await send({"type": f"{kind}.response.body", "body": b""})


def test_no_token_follows_a_redirect() -> None:
    seen: list[Any] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(dict(scope["headers"]).get(b"authorization"))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    with serve(listen) as thief, serve(Redirecting(thief.base_url)) as server:
        with pytest.raises(ConnectError, match="302"):
            GenericEnvClient(server.base_url, auth_token=TOKEN).sync().connect()
        fetch_server_info(server.base_url, auth_token=TOKEN)
    assert seen == [None, None]


def test_what_a_server_says_of_itself_is_told_to_those_with_a_token(guarded: RunningServer) -> None:
    assert fetch_server_info(guarded.base_url, auth_token=TOKEN)["name"] == "Counter"
    with pytest.raises(AuthenticationError, match="OPENENV_AUTH_TOKEN"):
        fetch_server_info(guarded.base_url)


# -- origins


def foreign(server: RunningServer) -> list[str]:
    port = server.base_url.rpartition(":")[2]
    return [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        f"https://127.0.0.1.evil.example:{port}",
        f"http://localhost:{port}",
        "http://app.example.org",
        "https://app.example.org:444",
        "https://app.example.org.evil.example",
        "https://[::1",
        f"file://127.0.0.1:{port}",
    ]


STATE_CHANGING = [("POST", "/reset"), ("POST", "/mcp"), ("DELETE", "/sessions/x"), ("PUT", "/x"), ("PATCH", "/x")]


def test_pages_of_foreign_origins_are_refused_everywhere(unguarded: RunningServer) -> None:
    for origin in foreign(unguarded):
        headers = {"Origin": origin}
        for method, path in STATE_CHANGING:
            answer = http.request(method, unguarded.base_url + path, headers=headers)
            assert (answer.status_code, answer.json()["detail"]["error"]) == (403, "AuthenticationError"), origin
        for path in ["/ws", "/mcp"]:
            refused = handshake(unguarded, path, **headers)
            assert refused is not None, origin
            assert refused.response.status_code == 403


def test_pages_of_foreign_origins_may_read_what_browsers_hide_from_them_anyway(unguarded: RunningServer) -> None:
    answer = http.get(unguarded.base_url + "/metadata", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_servers_own_pages_come_in(unguarded: RunningServer) -> None:
    headers = {"Origin": unguarded.base_url}
    assert handshake(unguarded, **headers) is None
    assert http.post(unguarded.base_url + "/reset", headers=headers).status_code == 200


def test_pages_that_are_allowed_by_name_come_in_and_may_read_the_answers(guarded: RunningServer) -> None:
    headers = {"Origin": ORIGIN}
    assert handshake(guarded, **headers, **bearer()) is None
    answer = http.post(guarded.base_url + "/reset", headers={**headers, **bearer()})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    asked = {**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert http.options(guarded.base_url + "/reset", headers=asked).status_code == 200


def test_an_allowed_page_needs_the_token_as_well(guarded: RunningServer) -> None:
    refused = handshake(guarded, Origin=ORIGIN)
    assert refused is not None
    assert refused.response.status_code == 401


def test_a_name_that_was_made_to_lead_to_this_machine_is_foreign(unguarded: RunningServer) -> None:
    port = unguarded.base_url.rpartition(":")[2]
    headers = {"Origin": f"http://evil.example:{port}", "Host": f"evil.example:{port}"}
    assert http.post(unguarded.base_url + "/reset", headers=headers).status_code == 403


# -- the policy alone

OWN = [
    ("http://localhost:8000", "localhost:8000", "127.0.0.1"),
    ("http://[::1]:8000", "[::1]:8000", "::1"),
    ("http://LOCALHOST", "localhost", "127.0.0.1"),
    ("https://org-name.hf.space", "org-name.hf.space", "10.1.2.3"),
    ("https://org-name.hf.space", "org-name.hf.space:443", "10.1.2.3"),
    ("http://box:8000", "box:8000", ""),
]


@pytest.mark.parametrize(("origin", "host", "local"), OWN)
def test_an_origin_is_the_servers_own_where_host_and_port_are(origin: str, host: str, local: str) -> None:
    AccessPolicy().check_origin(origin, host, local)


@given(st.binary(), st.lists(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1), min_size=1))
def test_only_the_tokens_themselves_are_taken(sent: bytes, tokens: list[str]) -> None:
    policy = AccessPolicy(tokens)
    for token in tokens:
        assert policy.check_token(b"Bearer " + token.encode()) != ""
    header = b"Bearer " + sent
    if header.strip().partition(b" ")[2].strip() in {token.encode() for token in tokens}:
        assert policy.check_token(header)
    else:
        with pytest.raises(AuthenticationError):
            policy.check_token(header)


@given(st.text(), st.text(), st.sampled_from(["127.0.0.1", "10.0.0.1", "::1", "", "/run/socket"]))
def test_whatever_an_origin_is_it_is_let_in_or_refused(origin: str, host: str, local: str) -> None:
    with contextlib.suppress(AuthenticationError):
        AccessPolicy().check_origin(origin, host, local)


@given(st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True))
def test_an_origin_of_another_host_is_always_foreign(origin: str) -> None:
    with pytest.raises(AuthenticationError):
        AccessPolicy(allowed_origins=["https://app.example.org"]).check_origin(origin + "x", "server.example", "")


# -- servers that cannot answer a handshake with a status


def test_a_websocket_is_closed_where_the_server_can_say_no_more() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("the application was reached")

    gate = AccessMiddleware(app, AccessPolicy([TOKEN]))
    scope = {"type": "websocket", "path": "/ws", "headers": []}
    asyncio.run(gate(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": sent[0]["reason"]}]
    assert "Bearer" in sent[0]["reason"]


# -- settings


def test_settings_do_not_show_the_tokens() -> None:
    assert TOKEN not in repr(ServerSettings(auth_tokens=(TOKEN,)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("  ", ()),
        ("one", ("one",)),
        ("one,two", ("one", "two")),
        (" one\n two ,three", ("one", "two", "three")),
    ],
)
def test_tokens_come_from_the_environment_variable(text: str, tokens: tuple[str, ...]) -> None:
    assert ServerSettings.from_environ({"OPENENV_AUTH_TOKEN": text}).auth_tokens == tokens


def test_a_variable_of_separators_opens_nothing() -> None:
    with pytest.raises(ConfigurationError, match="OPENENV_AUTH_TOKEN"):
        ServerSettings.from_environ({"OPENENV_AUTH_TOKEN": " , "})


@pytest.mark.parametrize("tokens", [("secret with blanks",), ("secret,",), ("sécret",), ("",), (5,), "secret"])
def test_tokens_that_no_client_could_send_are_refused_without_showing_them(tokens: Any) -> None:
    with pytest.raises(ConfigurationError, match="auth_tokens") as caught:
        ServerSettings(auth_tokens=tokens)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "origin", ["*", "app.example.org", "https://*.example.org", "https://app.example.org/path", "null"]
)
def test_origins_are_allowed_by_name_only(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=r"https://app\.example\.org"):
        ServerSettings(allowed_origins=(origin,))


def test_allowed_origins_come_from_the_environment_variable() -> None:
    settings = ServerSettings.from_environ({"OPENENV_ALLOWED_ORIGINS": "https://A.example/, http://b.example:8080"})
    assert settings.allowed_origins == ("https://a.example", "http://b.example:8080")
