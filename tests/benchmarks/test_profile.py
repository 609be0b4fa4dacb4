from benchmarks.profile import Profile, text

LINES = [
    "MainThread;main (/place/src/openenv/serve.py:3);run (/usr/lib/python3.11/asyncio/base_events.py:10) 3",
    "MainThread;main (/place/src/openenv/serve.py:9);run (/usr/lib/python3.11/asyncio/base_events.py:12) 4",
    "MainThread;main (/place/src/openenv/serve.py:9) 1",
    "process 12:python 5",
]


def test_samples_of_a_function_are_put_together() -> None:
    seen = Profile.of(LINES)
    assert seen.samples == 8
    assert seen.own == {"run (asyncio/base_events.py)": 7, "main (openenv/serve.py)": 1}
    assert seen.within["main (openenv/serve.py)"] == 8
    assert seen.packages == {"asyncio": 7, "openenv": 1}


def test_the_dearest_comes_first() -> None:
    packages, files, head, first, second = text(Profile.of(LINES)).splitlines()
    assert packages == "by package: asyncio 87.5%, openenv 12.5%"
    assert files == "by file: asyncio/base_events.py 87.5%, openenv/serve.py 12.5%"
    assert head.split() == ["own", "within", "function"]
    assert first.split() == ["87.5%", "87.5%", "run", "(asyncio/base_events.py)"]
    assert second.split() == ["12.5%", "100.0%", "main", "(openenv/serve.py)"]
