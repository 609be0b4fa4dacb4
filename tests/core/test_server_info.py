"""What a server says of itself."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from openenv.core.exceptions import ConfigurationError, ConnectError
from openenv.core.server_info import fetch_server_info

ANSWERS = {
    "/good/metadata": (200, '{"name": "dice"}'),
    "/good/schema": (200, '{"action": {"title": "DiceAction"}}'),
    "/text/metadata": (200, "hello"),
    "/list/metadata": (200, "[]"),
}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = ANSWERS.get(self.path, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metadata_and_schemas_are_put_together(url: str) -> None:
    assert fetch_server_info(f"{url}/good/") == {
        "url": f"{url}/good",
        "name": "dice",
        "action_schema": {"title": "DiceAction"},
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none", "/none/metadata is answered by HTTP status 404: is it an OpenEnv server"),
        ("/text", "answered by something other than JSON"),
        ("/list", "answered by list, not an object"),
    ],
)
def test_another_server_is_told_apart(url: str, path: str, message: str) -> None:
    with pytest.raises(ConnectError, match=message):
        fetch_server_info(url + path)


def test_no_server_is_an_error() -> None:
    with pytest.raises(ConnectError, match=r"no server could be reached at http://127\.0\.0\.1:9/metadata: .*refused"):
        fetch_server_info("http://127.0.0.1:9")


@pytest.mark.parametrize("address", ["ws://127.0.0.1:9", "dice", "file:///etc/passwd"])
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address such as http://localhost:8000, got"):
        fetch_server_info(address)
