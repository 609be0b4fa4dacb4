"""Wait until an owner is gone, then run a command in this process's place: the one that removes what it left.

The owner starts this file by its path with `python -I -S`, so that it costs a bare interpreter: it imports nothing of
openenv. A pipe's end of file is the one sign of an owner's end that comes even after SIGKILL, on every system.

    arguments   the owner's process id, the command
    stdin       a pipe from the owner: a byte says that nothing is left to do, its end of file that the owner is gone
"""

import os
import select
import signal
import sys

# A forked child of the owner may hold the owner's end of the pipe open; the parent's id tells the truth all the same.
PARENT_CHECK_S = 1.0


def owner_has_left(owner: int) -> bool:
    """Wait for the owner's end, and tell whether it came without a word."""
    while os.getppid() == owner:
        if select.select([0], [], [], PARENT_CHECK_S)[0]:
            return not os.read(0, 1)
    return True


def main(arguments: list[str]) -> None:
    """Wait for the owner's end and run the command after it, unless told that nothing is left to do."""
    # Whatever ends the owner may be sent to this process too, which has work to do then.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if owner_has_left(int(arguments[0])):
        os.execv(arguments[1], arguments[1:])  # noqa: S606 - without a shell


if __name__ == "__main__":
    main(sys.argv[1:])
