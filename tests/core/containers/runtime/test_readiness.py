"""Waiting for servers: real ones, of every kind of lateness."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from openenv.core.containers.runtime._readiness import wait_until_healthy, wait_until_listening
from openenv.core.containers.runtime._sockets import base_url, free_port, listen
from openenv.core.exceptions import ConfigurationError, ServerStartError


class Server:
    """An HTTP server that answers as told and remembers what it was asked."""

    def __init__(self, *statuses: int, forever: int = 200) -> None:
        asked = self.asked = list[str]()
        answers = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(f"{self.command} {self.path}")
                self.send_response(answers.pop(0) if answers else forever)
                self.end_headers()

            do_CONNECT = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


class Process:
    """What stands behind an address, alive as long as a function says."""

    def __init__(self, is_alive: Callable[[], bool], returncode: int | None = 1) -> None:
        self._is_alive = is_alive
        self.returncode = returncode

    def is_alive(self) -> bool:
        return self._is_alive()

    def logs(self) -> str:
        return "its last words"


def test_a_server_that_answers_is_ready() -> None:
    with running(Server()) as server:
        wait_until_healthy(server.url, timeout_s=30)
    assert server.asked == ["GET /health"]


def test_anything_but_200_is_asked_again() -> None:
    with running(Server(503, 404, 500, 307)) as server:
        wait_until_healthy(server.url, timeout_s=30)
    assert len(server.asked) == 5


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_of_the_base_url_is_kept(slash: str) -> None:
    with running(Server()) as server:
        wait_until_healthy(f"{server.url}/envs/echo{slash}", timeout_s=30)
    assert server.asked == ["GET /envs/echo/health"]


def test_a_server_that_is_never_ready_is_an_error_that_says_what_it_answers() -> None:
    with (
        running(Server(forever=503)) as server,
        pytest.raises(ServerStartError, match=r"did not answer http://.*/health within 2 s: it answers with .* 503"),
    ):
        wait_until_healthy(server.url, timeout_s=2)


def test_one_that_accepts_and_never_answers_is_given_up_on_time() -> None:
    with (
        listen("127.0.0.1", None) as listener,
        pytest.raises(ServerStartError, match=r"within 0.1 s: no answer comes"),
    ):
        wait_until_healthy(base_url("127.0.0.1", listener.getsockname()[1]), timeout_s=0.1)


def test_nobody_there_is_an_error_that_says_so() -> None:
    url = base_url("127.0.0.1", free_port("127.0.0.1"))
    with pytest.raises(ServerStartError, match="ConnectionRefusedError"):
        wait_until_healthy(url, timeout_s=0.5)


def test_what_does_not_speak_http_is_an_error() -> None:
    with running(Server()) as server, pytest.raises(ServerStartError, match="SSL"):
        wait_until_healthy(server.url.replace("http:", "https:"), timeout_s=2)


def test_the_deadline_error_shows_the_last_output() -> None:
    process = Process(lambda: True)
    with pytest.raises(ServerStartError, match="its last words") as caught:
        wait_until_healthy(base_url("127.0.0.1", free_port("127.0.0.1")), timeout_s=0.05, server=process)
    assert caught.value.returncode is None


@pytest.mark.parametrize(
    ("returncode", "how"), [(3, "exited with 3"), (-9, "was ended by signal 9"), (None, "the server ended before")]
)
def test_a_death_is_noticed_long_before_the_deadline(returncode: int | None, how: str) -> None:
    process = Process(iter([True, True, False]).__next__, returncode)
    url = base_url("127.0.0.1", free_port("127.0.0.1"))
    with pytest.raises(ServerStartError, match=how) as caught:
        wait_until_healthy(url, timeout_s=3600, server=process, advise=lambda logs: f"Do not say {logs}.")
    assert caught.value.logs == "its last words"
    assert caught.value.returncode == returncode
    assert "Do not say its last words." in str(caught.value)


def test_the_answer_of_somebody_else_does_not_hide_a_death() -> None:
    with running(Server()) as server, pytest.raises(ServerStartError, match="exited with 1"):
        wait_until_healthy(server.url, timeout_s=30, server=Process(lambda: False))


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ws://127.0.0.1:8000", "http://", "http://host:port", ""])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a base URL"):
        wait_until_healthy(url, timeout_s=30)


def test_loopback_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port('127.0.0.1')}")
    monkeypatch.setenv("no_proxy", "")
    with running(Server()) as server:
        wait_until_healthy(server.url, timeout_s=30)
        wait_until_healthy(f"http://localhost:{server.port}", timeout_s=30)


def test_other_hosts_are_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Server()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        wait_until_healthy("http://environment.invalid:81/here", timeout_s=30)
    assert proxy.asked == ["GET http://environment.invalid:81/here/health"]


def test_other_hosts_are_reached_through_a_tunnel_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Server(forever=403)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ServerStartError, match="403"):
            wait_until_healthy("https://environment.invalid", timeout_s=2)
    assert set(proxy.asked) == {"CONNECT environment.invalid:443"}


def test_hosts_named_by_no_proxy_are_reached_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Server()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "environment.invalid")
        with pytest.raises(ServerStartError):
            wait_until_healthy("http://environment.invalid", timeout_s=0.05)
    assert proxy.asked == []


def test_an_open_port_is_found_listening() -> None:
    with listen("127.0.0.1", None) as listener:
        url = base_url("127.0.0.1", listener.getsockname()[1])
        wait_until_listening(url, timeout_s=30, server=Process(lambda: True))


def test_a_port_that_stays_closed_is_an_error() -> None:
    port = free_port("127.0.0.1")
    with pytest.raises(ServerStartError, match=f"did not listen on port {port} within"):
        wait_until_listening(base_url("127.0.0.1", port), timeout_s=0.05, server=Process(lambda: True))
