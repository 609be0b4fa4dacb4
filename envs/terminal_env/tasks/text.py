"""Tasks of reading logs and tables."""

from __future__ import annotations

import random
from collections import Counter

from terminal_env.server.task import TerminalTask
from terminal_env.tasks.parts import a_file, guard, holds, is_file, lines, prints, words

__all__ = [
    "busiest_clients",
    "count_status_codes",
    "last_logins",
    "regional_totals",
    "split_by_day",
    "unique_addresses",
]


def _access_log(rng: random.Random) -> tuple[str, list[str], list[int]]:
    """Return a web server's log, with the clients and status codes of its lines."""
    known = [f"10.{rng.randint(0, 9)}.{rng.randint(0, 255)}.{number}" for number in range(1, 9)]
    clients = rng.choices(known, weights=[50, 30, 20, 5, 5, 4, 3, 2], k=400)
    codes = rng.choices((200, 301, 404, 500, 503), weights=(70, 8, 15, 5, 2), k=400)
    paths = [f"/{rng.choice(words(rng, 2))}/{rng.choice((200, 404, 500))}" for _ in clients]
    log = lines(
        f'{client} - - [{1 + number // 40:02}/May/2026:10:{number % 60:02}:00 +0000] "GET {path} HTTP/1.1" {code} '
        f"{rng.randint(200, 9000)}"
        for number, (client, path, code) in enumerate(zip(clients, paths, codes, strict=True))
    )
    return log, clients, codes


def count_status_codes(rng: random.Random) -> TerminalTask:
    """Count the status codes of a log."""
    log, _, codes = _access_log(rng)
    report = lines(f"{code} {number}" for code, number in sorted(Counter(codes).items()))
    return {
        "instruction": "logs/access.log is the log of a web server. Write report.txt with a line for each status code "
        "in it, the lowest code first: the code, a blank, and how often it occurs.",
        "files": [a_file("logs/access.log", log)],
        "checks": [
            prints("it names the codes", "cut -d ' ' -f 1 report.txt", lines(sorted(set(codes)))),
            is_file("it has the numbers", "report.txt", report),
            guard(is_file("the log is as it was", "logs/access.log", log)),
        ],
    }


def busiest_clients(rng: random.Random) -> TerminalTask:
    """Find the clients of a log that ask for most."""
    log, clients, _ = _access_log(rng)
    ranked = sorted(Counter(clients).items(), key=lambda item: (-item[1], item[0]))[:3]
    return {
        "instruction": "logs/access.log is the log of a web server. Write the addresses of the three clients that made "
        "most requests into top.txt, one a line, the busiest first.",
        "files": [a_file("logs/access.log", log)],
        "checks": [
            prints("the busiest is first", "head -n 1 top.txt", ranked[0][0]),
            prints("the three are named", "sort top.txt", lines(sorted(client for client, _ in ranked))),
            is_file("they are in order", "top.txt", lines(client for client, _ in ranked)),
        ],
    }


def unique_addresses(rng: random.Random) -> TerminalTask:
    """Remove what is there twice, whatever its case."""
    known = [f"{word}@{host}.example" for word, host in zip(words(rng, 12), words(rng, 12), strict=True)]
    written = [rng.choice((str.lower, str.upper, str.title))(address) for address in rng.choices(known, k=60)]
    kept: dict[str, str] = {}
    for address in written:
        kept.setdefault(address.lower(), address.lower())
    return {
        "instruction": "addresses.txt has an address on each line, many of them more than once and in other cases. "
        "Write unique.txt with each of them once, in lower case, in the order in which they first occur.",
        "files": [a_file("addresses.txt", lines(written))],
        "checks": [
            prints("each is there once", "sort unique.txt", lines(sorted(kept))),
            is_file("they are in order", "unique.txt", lines(kept)),
            guard(is_file("the source is as it was", "addresses.txt", lines(written))),
        ],
    }


def regional_totals(rng: random.Random) -> TerminalTask:
    """Add up a column of a table by another one."""
    regions = words(rng, 4)
    orders = [(rng.choice(regions), rng.randint(1, 20), rng.randint(100, 9999), rng.random() < 0.2) for _ in range(80)]
    rows = [
        f'{number},"{region}, {region[::-1]}",{count},{cents / 100:.2f},{"cancelled" if is_off else "paid"}'
        for number, (region, count, cents, is_off) in enumerate(orders, start=1)
    ]
    totals = Counter[str]()
    for region, count, cents, is_off in orders:
        totals[f"{region}, {region[::-1]}"] += 0 if is_off else count * cents
    told = [f"{name}: {cents / 100:.2f}" for name, cents in sorted(totals.items())]
    return {
        "instruction": "orders.csv is a table of orders: its price is that of one piece. Write totals.txt with a line "
        "for each region, in alphabetical order: the region, a colon, a blank, and what all its orders that were not "
        "cancelled cost together, with two decimals.",
        "files": [a_file("orders.csv", lines(["id,region,pieces,price,status", *rows]))],
        "checks": [
            prints("the regions are named", "cut -d : -f 1 totals.txt", lines(sorted(totals))),
            is_file("the totals are right", "totals.txt", lines(told)),
        ],
    }


def last_logins(rng: random.Random) -> TerminalTask:
    """Join two tables, and keep the latest of each."""
    users = {number: word for number, word in zip(rng.sample(range(100, 999), 8), words(rng, 8), strict=True)}
    days = [f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" for _ in range(60)]
    seen = [(rng.choice(list(users)[:6]), day) for day in days]
    last = {number: max((day for who, day in seen if who == number), default="never") for number in users}
    report = lines(sorted(f"{users[number]} {day}" for number, day in last.items()))
    return {
        "instruction": "users.txt has the number and the name of each user, logins.txt the numbers of users and the "
        "days on which they came, in no order. Write last.txt with a line for each user, sorted by name: the name, a "
        "blank, and the last day on which they came, or never.",
        "files": [
            a_file("users.txt", lines(f"{number}\t{name}" for number, name in users.items())),
            a_file("logins.txt", lines(f"{day} {number}" for number, day in seen)),
        ],
        "checks": [
            prints("every user is named", "cut -d ' ' -f 1 last.txt", lines(sorted(users.values()))),
            holds("those who never came are told", "test $(grep -c ' never$' last.txt) -ge 2"),
            is_file("the days are right", "last.txt", report),
        ],
    }


def split_by_day(rng: random.Random) -> TerminalTask:
    """Take a log apart by its days."""
    days = sorted({f"2026-05-{rng.randint(1, 28):02}" for _ in range(4)})
    log = [
        f"{rng.choice(days)}T{rng.randint(0, 23):02}:00:00 {rng.choice(('INFO', 'WARN'))} {' '.join(words(rng, 3))}"
        for _ in range(120)
    ]
    by_day = {day: lines(line for line in log if line.startswith(day)) for day in days}
    return {
        "instruction": "Each line of app.log begins with the day and time. Write the lines of each day into a file of "
        "its own below by-day, such as by-day/2026-05-01.log, in the order in which they stand in app.log.",
        "files": [a_file("app.log", lines(log))],
        "checks": [
            prints("each day has a file", "ls by-day", lines(f"{day}.log" for day, text in by_day.items() if text)),
            *(is_file(f"{day} is whole", f"by-day/{day}.log", text) for day, text in by_day.items() if text),
        ],
    }
