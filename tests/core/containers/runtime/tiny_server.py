"""An environment's server for tests: a bare interpreter runs it by path, so that starting one costs little.

tiny_server.py SETTING=VALUE ...

fd, port     the listening socket that it inherited, or the port to listen on
say          a line to print first
show         the name of an environment variable to print
exit         a status to exit with instead of serving
status       what to answer (200)
deaf         never answer
alive        a FIFO held open for as long as this process or its child lives, which gets a byte once it does
stubborn     ignore SIGTERM
child        start a child, which ignores SIGTERM and lives on
quit         exit with 0 at the first request
clash        a file: what finds none makes it and fails as if somebody had taken its port
"""

from __future__ import annotations

import os
import signal
import socket
import sys


def main(settings: dict[str, str]) -> None:
    alive = os.open(settings.get("alive", os.devnull), os.O_WRONLY)
    for text in (settings.get("say"), os.environ.get(settings.get("show", ""))):
        if text is not None:
            os.write(1, text.encode() + b"\n")
    is_child = "child" in settings and os.fork() == 0
    if "stubborn" in settings or is_child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if is_child or "child" not in settings:
        os.write(alive, b"+")
    while is_child or "deaf" in settings:
        signal.pause()
    if "clash" in settings and not os.path.exists(settings["clash"]):
        os.close(os.open(settings["clash"], os.O_CREAT))
        sys.exit("OSError: [Errno 98] Address already in use")
    if "exit" in settings:
        sys.exit(int(settings["exit"]))
    serve(listen(settings), settings)


def listen(settings: dict[str, str]) -> socket.socket:
    if "fd" in settings:
        return socket.socket(fileno=int(settings["fd"]))
    return socket.create_server(("127.0.0.1", int(settings["port"])))


def serve(listener: socket.socket, settings: dict[str, str]) -> None:
    answer = f"HTTP/1.1 {settings.get('status', '200')} -\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if "quit" in settings:
                sys.exit(0)
            connection.sendall(answer.encode())


if __name__ == "__main__":
    main(dict(setting.split("=", 1) for setting in sys.argv[1:]))
