"""Serve apps, each on a free port of the loopback interface, until standard input ends.

    python -m tests.interop.programs.serve NAME=MODULE:ATTRIBUTE ...

The first line of standard output is a JSON object of the names and their ports.
"""

import asyncio
import importlib
import json
import socket
import sys

import uvicorn


def server_of(target: str) -> uvicorn.Server:
    module, _, attribute = target.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))


def listener() -> socket.socket:
    # Connections wait in the queue from here on, so the port may be told before the server accepts.
    return socket.create_server(("127.0.0.1", 0))


async def main() -> None:
    names, targets = zip(*(argument.split("=", 1) for argument in sys.argv[1:]), strict=True)
    servers = [server_of(target) for target in targets]
    sockets = [listener() for _ in servers]
    sys.stdout.write(
        json.dumps({name: sock.getsockname()[1] for name, sock in zip(names, sockets, strict=True)}) + "\n"
    )
    sys.stdout.flush()
    serving = asyncio.gather(*(server.serve([sock]) for server, sock in zip(servers, sockets, strict=True)))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main())
