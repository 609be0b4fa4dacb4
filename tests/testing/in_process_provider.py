"""A provider whose servers are threads of this process, so that each of its faults can be planted at little cost."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from openenv.core.containers.runtime import ContainerProvider
from openenv.core.exceptions import ProviderError, ServerStartError
from openenv.testing.probe import BEHAVIOUR, DEAF, DIE

__all__ = ["InProcessProvider"]


class InProcessProvider(ContainerProvider):
    """Keeps every promise but for episodes, for which its servers are too small; subclasses break one."""

    host = "127.0.0.1"
    all_servers: ClassVar[list[ThreadingHTTPServer]] = []

    def __init__(self) -> None:
        self.server: ThreadingHTTPServer | None = None
        self.variables: dict[str, str] = {}
        self.stopped = threading.Event()

    def start_container(
        self, image: str, port: int | None = None, env_vars: dict[str, str] | None = None, **kwargs: Any
    ) -> str:
        self.stopped.clear()
        self.variables = dict(env_vars or {})
        self.server = self.serve(port or 0, self.variables)
        return f"http://{self.host}:{self.server.server_address[1]}"

    def serve(self, port: int, variables: dict[str, str]) -> ThreadingHTTPServer:
        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = {"/health": {}, "/probe": variables}.get(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: object) -> None:
                pass

        try:
            server = ThreadingHTTPServer((self.host, port), Answering)
        except OSError as error:
            raise ProviderError(f"port {port} is in use") from error
        self.all_servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        behaviour = self.variables.get(BEHAVIOUR)
        if behaviour == DIE:
            raise self.died()
        if behaviour == DEAF:
            if self.stopped.wait(timeout_s):
                raise ProviderError("stop() was called")
            raise ServerStartError("it did not answer in time")

    def died(self) -> ServerStartError:
        return ServerStartError("it died", logs="The probe dies, as it is told, with ***")

    @classmethod
    def end_all(cls) -> None:
        """End the servers that faults have left running."""
        while cls.all_servers:
            server = cls.all_servers.pop()
            server.shutdown()
            server.server_close()

    def stop_container(self) -> None:
        self.stopped.set()
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()
