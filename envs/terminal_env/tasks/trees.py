"""Tasks of permissions, archives, names and links."""

from __future__ import annotations

import hashlib
import random

from terminal_env.server.task import TerminalTask
from terminal_env.tasks.parts import a_file, guard, has_mode, holds, is_file, lines, prints, words

__all__ = [
    "find_corrupted",
    "lock_keys",
    "mark_executables",
    "merge_parts",
    "newest_release",
    "pack_project",
    "rename_photos",
]


def lock_keys(rng: random.Random) -> TerminalTask:
    """Set the permissions of keys."""
    names = words(rng, 3)
    files = [a_file(f"keys/{name}.key", f"secret {name}\n", rng.choice(("644", "666", "640"))) for name in names]
    files += [a_file(f"keys/{name}.pub", f"public {name}\n", rng.choice(("600", "666", "755"))) for name in names]
    return {
        "instruction": "Set the permissions in keys: nobody but the owner may enter or list the directory; files that "
        "end in .key are read and written by the owner alone; files that end in .pub are written by the owner and read "
        "by everybody. Nothing is executable but the directory.",
        "files": files,
        "checks": [
            has_mode("the directory is closed", "keys", "700"),
            *(has_mode(f"{name}.key is private", f"keys/{name}.key", "600") for name in names),
            *(has_mode(f"{name}.pub is public", f"keys/{name}.pub", "644") for name in names),
        ],
    }


def mark_executables(rng: random.Random) -> TerminalTask:
    """Make executable what begins as a script."""
    names = words(rng, 6)
    scripts, texts = names[:3], names[3:]
    files = [a_file(f"bin/{name}", f"#!/bin/sh\necho {name}\n", rng.choice(("644", "600"))) for name in scripts]
    files += [a_file(f"bin/{name}", f"{name}: no script\n#!/bin/sh\n", "755") for name in texts]
    return {
        "instruction": "In bin, make executable, for everybody who may read them, the files that begin with #!, and "
        "make all other files not executable. Let the owner alone write, and everybody read, all of them.",
        "files": files,
        "checks": [
            *(has_mode(f"{name} is executable", f"bin/{name}", "755") for name in scripts),
            *(has_mode(f"{name} is not", f"bin/{name}", "644") for name in texts),
            prints("the scripts run", " && ".join(f"./bin/{name}" for name in scripts), lines(scripts)),
        ],
    }


def pack_project(rng: random.Random) -> TerminalTask:
    """Pack a tree without some of it."""
    names = words(rng, 5)
    kept = {f"project/{names[0]}.py": "print(1)\n", f"project/src/{names[1]}.py": "print(2)\n", "project/.env": "A=1\n"}
    left = [f"project/cache/{names[2]}.py", f"project/src/{names[3]}.tmp", f"project/{names[4]}.tmp"]
    members = "import tarfile; found = tarfile.open('backup.tar.gz', 'r:gz'); "
    wanted = "print(*sorted(m.name.removeprefix('./') for m in found if m.isfile()), sep='\\n')"
    return {
        "instruction": "Pack the directory project into backup.tar.gz, so that unpacking it makes the directory "
        "project, but leave out the directory project/cache and files that end in .tmp. Leave the directory itself as "
        "it is.",
        "files": [*(a_file(path, text) for path, text in kept.items()), *(a_file(path, "left out\n") for path in left)],
        "checks": [
            holds(
                "it is an archive that gzip made", "python3 -I -c \"import gzip; gzip.open('backup.tar.gz').read()\""
            ),
            prints("it has the right files", f'python3 -I -c "{members}{wanted}"', lines(sorted(kept))),
            guard(
                prints("the directory is whole", "find project -type f | LC_ALL=C sort", lines(sorted([*kept, *left])))
            ),
        ],
    }


def merge_parts(rng: random.Random) -> TerminalTask:
    """Unpack parts, and put them together in the order of their numbers."""
    parts = {number: lines(f"{number}: {word}" for word in words(rng, 5)) for number in range(1, 13)}
    return {
        "instruction": "parts.tar.gz holds the parts of a text, part-1.txt to part-12.txt. Put them together in the "
        "order of their numbers into whole.txt, and write the number of its lines into count.txt.",
        "files": [a_file(f"parts/part-{number}.txt", text) for number, text in parts.items()],
        "setup": "tar czf parts.tar.gz parts && rm -r parts",
        "checks": [
            prints(
                "all lines are there",
                "LC_ALL=C sort whole.txt",
                lines(sorted("".join(parts.values()).split("\n")[:-1])),
            ),
            is_file("they are in order", "whole.txt", "".join(parts.values())),
            prints("they are counted", "tr -d ' \\n' < count.txt", "60"),
        ],
    }


def rename_photos(rng: random.Random) -> TerminalTask:
    """Rename files whose names have blanks."""
    titles = [f"{first.title()} {last.title()}" for first, last in zip(words(rng, 5), words(rng, 5), strict=True)]
    old = {f"photos/{title} ({number}).JPG": f"{title}\n" for number, title in enumerate(titles, start=1)}
    new = {path.lower().replace(" ", "_").replace("(", "").replace(")", ""): text for path, text in old.items()}
    return {
        "instruction": "Rename the files in photos: all letters in lower case, each blank replaced by an underscore, "
        "and no parentheses, so that 'Red Fox (1).JPG' becomes red_fox_1.jpg. Leave notes.txt in it alone.",
        "files": [*(a_file(path, text) for path, text in old.items()), a_file("photos/notes.txt", "Not A Photo (0)\n")],
        "checks": [
            prints(
                "the names are right", "LC_ALL=C ls photos", lines(sorted(p[7:] for p in [*new, "photos/notes.txt"]))
            ),
            prints("the contents are kept", "LC_ALL=C sort photos/*.jpg", lines(sorted(titles))),
            guard(is_file("the notes are left", "photos/notes.txt", "Not A Photo (0)\n")),
        ],
    }


def newest_release(rng: random.Random) -> TerminalTask:
    """Let a link lead to the newest of several versions."""
    major = rng.randint(1, 3)
    versions = [f"{major}.{minor}.{patch}" for minor in (2, 9, 10, 11) for patch in rng.sample(range(12), 2)]
    versions.sort(key=lambda version: [int(part) for part in version.split(".")])
    newest = versions[-1]
    files = [a_file(f"releases/{version}/VERSION", f"{version}\n") for version in versions]
    return {
        "instruction": "The link current leads nowhere. Let it lead to the newest of the versions in releases, by a "
        "path that is relative, and write all versions into versions.txt, one a line, the oldest first. Drafts are no "
        "versions.",
        "files": [*files, a_file(f"releases/{newest}-draft/VERSION", "draft\n")],
        "setup": "ln -s releases/0.0.0 current",
        "checks": [
            guard(holds("current is a link", "test -L current")),
            prints("it leads to the newest version", "cat current/VERSION", newest),
            prints("its path is relative", "readlink current | sed 's,^\\./,,; s,/$,,'", f"releases/{newest}"),
            is_file("the versions are in order", "versions.txt", lines(versions)),
        ],
    }


def find_corrupted(rng: random.Random) -> TerminalTask:
    """Find the files that are not what they were."""
    texts = {f"data/{word}.txt": lines(words(rng, 6)) for word in words(rng, 10)}
    sums = [f"{hashlib.sha256(text.encode()).hexdigest()}  {path}" for path, text in texts.items()]
    *changed, lost = rng.sample(sorted(texts), 4)
    files = [
        a_file(path, text[:-1] + ".\n" if path in changed else text) for path, text in texts.items() if path != lost
    ]
    return {
        "instruction": "SHA256SUMS has the checksums of all files that were in data. Write the paths of those that "
        "have changed since then into changed.txt, and the paths of those that are not there any more into lost.txt, "
        "as they stand in SHA256SUMS, one a line and sorted.",
        "files": [*files, a_file("SHA256SUMS", lines(sums))],
        "checks": [
            is_file("those that changed are told", "changed.txt", lines(sorted(changed))),
            is_file("the lost one is told", "lost.txt", lines([lost])),
            guard(prints("nothing was changed", "cat SHA256SUMS", lines(sums))),
        ],
    }
