"""Run a server for an owner, and end it with all that it started once the owner is gone.

The owner starts this file by its path with `python -I -S`, so that it costs a bare interpreter: it imports nothing of
openenv. A pipe's end of file is the one sign of an owner's end that comes even after SIGKILL, on every system.

    arguments   the owner's process id, seconds from TERM to KILL, the listening socket's number or -1, the command
    stdin       a socket to the owner; its end of file means: stop
        owner to guard    ?          send the output
        guard to owner    pid N      the server runs as process N
                          err N      it could not be run; N is an errno
                          out L      L bytes follow: the last that it wrote
                          end S L    it ended with status S (below zero: by that signal); L bytes of output follow
"""

import os
import select
import signal
import sys
import time

OWNER = 0
OUTPUT_LIMIT = 32 * 1024
# A forked child of the owner may hold the owner's end of the socket open; the parent's id tells the truth all the same.
PARENT_CHECK_S = 1.0
GROUP_CHECK_S = 0.02
# For what the server leaves behind; short, as ended processes that nobody has collected yet look like running ones.
LEFTOVERS_GRACE_S = 1.0


class Server:
    """The process under guard, with its status, its output's pipe and the last bytes from it."""

    def __init__(self, command: list[str]) -> None:
        self.output, write_end = os.pipe()
        os.set_blocking(self.output, False)
        self.tail = b""
        self.status: int | None = None
        try:
            self.pid = os.posix_spawnp(
                command[0],
                command,
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write_end, 1),
                    (os.POSIX_SPAWN_DUP2, write_end, 2),
                ],
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
        finally:
            os.close(write_end)

    def read(self) -> None:
        """Take what it has written, keeping the end of it."""
        while self.output >= 0:
            try:
                chunk = os.read(self.output, 65536)
            except BlockingIOError:
                return
            if chunk:
                self.tail = (self.tail + chunk)[-OUTPUT_LIMIT:]
            else:
                os.close(self.output)
                self.output = -1

    def has_ended(self) -> bool:
        """Tell whether it has, and note its status."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def group_is_empty(self) -> bool:
        """Tell whether everything that it started has ended too."""
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # the second: macOS, when only zombies are left
            return True
        return False

    def signal_group(self, number: int) -> None:
        """Send a signal to all that it started."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def tell_owner(header: str, body: bytes = b"") -> None:
    """Send a message; an owner that is gone misses nothing."""
    message = header.encode() + b"\n" + body
    try:
        while message:
            message = message[os.write(OWNER, message) :]
    except OSError:
        return


def wake_on_signals() -> int:
    """Return a descriptor that becomes readable when a child ends or this process is told to."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return read_end


def wait(server: Server, others: list[int], timeout_s: float) -> list[int]:
    """Wait for output or for one of other descriptors, and return those of them that are readable."""
    outputs = [server.output] if server.output >= 0 else []
    readable = select.select(outputs + others, [], [], timeout_s)[0]
    server.read()
    return [descriptor for descriptor in readable if descriptor in others]


def told_to_stop(wake: int) -> bool:
    """Tell whether a signal other than that of an ended child has come."""
    try:
        return any(number != signal.SIGCHLD for number in os.read(wake, 4096))
    except BlockingIOError:
        return False


def answer_owner(server: Server) -> bool:
    """Answer what the owner asks, and tell whether it is still there."""
    try:
        questions = os.read(OWNER, 4096)
    except OSError:
        return False
    for _ in questions:
        tell_owner(f"out {len(server.tail)}", server.tail)
    return bool(questions)


def stand_guard(server: Server, wake: int, owner: int) -> None:
    """Return when the server has ended or should."""
    while not server.has_ended() and os.getppid() == owner:
        readable = wait(server, [OWNER, wake], PARENT_CHECK_S)
        if wake in readable and told_to_stop(wake):
            return
        if OWNER in readable and not answer_owner(server):
            return


def report_end(server: Server) -> None:
    """Tell the owner the status and the last output."""
    server.read()
    tell_owner(f"end {server.status} {len(server.tail)}", server.tail)


def end(server: Server, wake: int, grace_s: float) -> None:
    """End the server and all that it started: TERM, then KILL."""
    deadline = time.monotonic() + grace_s
    told_leftovers = False
    if not server.has_ended():
        # Only the first process: uv and supervisors pass it on, and a second TERM makes some servers drop everything.
        os.kill(server.pid, signal.SIGTERM)
    while time.monotonic() < deadline:
        if server.has_ended():
            if server.group_is_empty():
                return
            if not told_leftovers:
                server.signal_group(signal.SIGTERM)
                told_leftovers = True
                deadline = min(deadline, time.monotonic() + LEFTOVERS_GRACE_S)
        if wake in wait(server, [wake], GROUP_CHECK_S):
            told_to_stop(wake)
    server.signal_group(signal.SIGKILL)
    if server.status is None:
        server.status = os.waitstatus_to_exitcode(os.waitpid(server.pid, 0)[1])


def main(arguments: list[str]) -> None:
    """Guard one server from its start to its end."""
    owner, grace_s, listener, command = int(arguments[0]), float(arguments[1]), int(arguments[2]), arguments[3:]
    wake = wake_on_signals()
    try:
        server = Server(command)
    except OSError as error:
        tell_owner(f"err {error.errno}")
        return
    if listener >= 0:
        os.close(listener)
    tell_owner(f"pid {server.pid}")
    try:
        stand_guard(server, wake, owner)
        ended_by_itself = server.status is not None
        if ended_by_itself:
            # Before its children are dealt with, which may take the whole grace.
            report_end(server)
        end(server, wake, grace_s)
    except BaseException:
        server.signal_group(signal.SIGKILL)
        raise
    if not ended_by_itself:
        report_end(server)


if __name__ == "__main__":
    main(sys.argv[1:])
    # Nothing is left to flush, and the owner waits for this process.
    os._exit(0)
