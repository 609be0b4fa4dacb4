"""Tasks of scripts and processes."""

from __future__ import annotations

import random

from terminal_env.server.task import TerminalTask
from terminal_env.tasks.parts import a_file, guard, holds, is_file, lines, prints, words

__all__ = ["count_lines", "stop_the_noise"]

_WRITER = """#!/bin/bash
# Writes to a log for as long as it runs.
while :; do
    echo tick >> "$1.log"
    sleep 0.1
done
"""
_STARTED = (
    "bin/writer.sh noise & bin/writer.sh pulse & disown -a; "
    "until [ -s noise.log ] && [ -s pulse.log ]; do sleep 0.02; done"
)
# Waits for as long as a busy machine may take.
_GROWS = """
before=$(wc -c < pulse.log) || exit 1
for _ in {1..90}; do
    [ "$(wc -c < pulse.log)" -gt "$before" ] && exit 0
    sleep 0.1
done
exit 1
"""


def count_lines(rng: random.Random) -> TerminalTask:
    """Write a script that counts lines below a directory."""
    one, two, three, four = words(rng, 4)
    shown = [a_file("sample/a.txt", "1\n2\n"), a_file("sample/b/c d.txt", "3\n"), a_file("sample/b/e.md", "4\n")]
    amount = [rng.randint(3, 40) for _ in range(3)]
    hidden = "\n".join(
        [
            'set -e; t=$(mktemp -d); mkdir -p "$t/' + f'{one} {two}/{three}"; cd "$t"',
            f"seq {amount[0]} > '{one} {two}/{three}/{four}.txt'",
            f"seq {amount[1]} > '{two}.txt'; seq {amount[2]} > '{two}.text'; touch empty.txt",
            'bash ~/count.sh "$t"; rm -r "$t"',
        ]
    )
    return {
        "instruction": "Write an executable bash script count.sh that prints one number: how many lines all files that "
        "end in .txt have together, in the directory that is its argument and in all directories below. Names may have "
        "blanks in them, and there may be no such files, which is 0 lines. sample has 3 of them.",
        "files": shown,
        "checks": [
            holds("it is executable", "test -x count.sh"),
            prints("it counts the sample", "bash ./count.sh sample", "3"),
            prints("it counts other files", hidden, str(amount[0] + amount[1])),
            prints("nothing is 0 lines", 't=$(mktemp -d); bash ./count.sh "$t"; rmdir "$t"', "0"),
        ],
    }


def stop_the_noise(rng: random.Random) -> TerminalTask:
    """Stop one of two processes."""
    note = lines(words(rng, 3))
    return {
        "instruction": "Two copies of bin/writer.sh run. Stop the one that writes noise.log, and remove noise.log. "
        "Leave the one that writes pulse.log running, and change nothing else.",
        "files": [a_file("bin/writer.sh", _WRITER, "755"), a_file("note.txt", note)],
        "start": [_STARTED],
        "checks": [
            holds(
                "noise.log is gone and does not come back", "test ! -e noise.log && sleep 0.5 && test ! -e noise.log"
            ),
            guard(holds("pulse.log grows", _GROWS)),
            guard(is_file("the rest is left", "note.txt", note)),
            guard(is_file("the program is left", "bin/writer.sh", _WRITER)),
        ],
    }
