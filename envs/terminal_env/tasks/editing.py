"""Tasks of mending and changing files."""

from __future__ import annotations

import json
import random

from terminal_env.server.task import TerminalTask
from terminal_env.tasks.parts import a_file, guard, holds, is_file, lines, prints, words

__all__ = ["greet_everybody", "repair_config", "replace_host"]


def repair_config(rng: random.Random) -> TerminalTask:
    """Make JSON of what is almost JSON, and change a value."""
    service, owner, region = words(rng, 3)
    kept = {"service": service, "owner": owner, "region": region, "workers": rng.randint(2, 9), "debug": False}
    broken = json.dumps({**kept, "port": 8080}, indent=2).replace(f'"{owner}"', f"'{owner}'").replace("\n}", ",\n}")
    show = "python3 -I -c \"import json; found = json.load(open('app/config.json')); {}\""
    return {
        "instruction": "app/config.json is not valid JSON. Mend it so that it is, set the port to the number 9090, and "
        "leave all other keys and values as they are.",
        "files": [a_file("app/config.json", broken)],
        "checks": [
            holds("it is JSON", "python3 -I -m json.tool app/config.json"),
            prints("the port is set", show.format("print(repr(found['port']))"), "9090"),
            prints(
                "the rest is kept",
                show.format("found.pop('port', None); print(json.dumps(found, sort_keys=True))"),
                json.dumps(kept, sort_keys=True),
            ),
        ],
    }


def replace_host(rng: random.Random) -> TerminalTask:
    """Replace a name in some of the files of a tree."""
    names = words(rng, 4)
    port = rng.randint(2000, 9000)
    text = "# connects to old.example.com\nurl = https://old.example.com:{}/{}\nmirror = gold.example.com\n"
    paths = [f"etc/{names[0]}.conf", f"etc/{names[1]}/{names[2]}.conf", f"etc/{names[1]}/deep/er/{names[3]}.conf"]
    files = [a_file(path, text.format(port + number, path)) for number, path in enumerate(paths)]
    spared = [a_file(f"etc/{names[0]}.conf.bak", text.format(1, 2)), a_file("notes.conf", "old.example.com\n")]
    after = text.replace("old.example.com", "db.example.net").replace("gdb.example.net", "gold.example.com")
    return {
        "instruction": "In all files below etc whose names end in .conf, replace the host old.example.com by "
        "db.example.net. Other hosts whose names merely end so, such as gold.example.com, stay, and so do other files.",
        "files": [*files, *spared],
        "checks": [
            *(
                is_file(f"{path} is changed", path, after.format(port + number, path))
                for number, path in enumerate(paths)
            ),
            *(guard(is_file(f"{file['path']} is left", file["path"], file["text"])) for file in spared),
        ],
    }


def greet_everybody(rng: random.Random) -> TerminalTask:
    """Mend a script that takes arguments apart."""
    script = "#!/bin/bash\n# Greets everybody who is named.\nfor name in $@; do\n    echo Hello, $name!\ndone\n"
    names = [f"{first.title()}  {last.title()}" for first, last in zip(words(rng, 3), words(rng, 3), strict=True)]
    asked = " ".join(f"'{name}'" for name in names)
    return {
        "instruction": "greet.sh greets each of its arguments on a line of its own, but takes names apart that have "
        "blanks in them, and replaces a * by the names of files. Mend it.",
        "files": [a_file("greet.sh", script, "755")],
        "checks": [
            guard(prints("single names are greeted", "bash ./greet.sh Ada Bob", "Hello, Ada!\nHello, Bob!")),
            prints("names with blanks are greeted", f"bash ./greet.sh {asked}", lines(f"Hello, {n}!" for n in names)),
            prints("a star is a name", "bash ./greet.sh '*'", "Hello, *!"),
            guard(prints("nobody is greeted where nobody is named", "bash ./greet.sh", "")),
        ],
    }
