"""Where the process's streams lead while code runs in it."""

from __future__ import annotations

import subprocess
import sys
import threading
from textwrap import dedent

from openenv.core.tools.code.output import Output, printing_to, route, unroute


def test_streams_come_back_although_a_thread_ended_without_a_word() -> None:
    before, let_go, here = sys.stdout, threading.Event(), threading.current_thread()
    cut_off = threading.Thread(target=let_go.wait)
    cut_off.start()
    route(cut_off)
    assert sys.stdout is not before
    unroute(here)
    assert sys.stdout is not before
    let_go.set()
    cut_off.join()
    unroute(here)
    assert sys.stdout is before


def test_what_is_printed_elsewhere_goes_where_it_went() -> None:
    output, here = Output(), threading.current_thread()
    route(here)
    with printing_to(output):
        sys.stdout.write("kept\n")
        elsewhere = threading.Thread(target=print, args=("not kept",))
        elsewhere.start()
        elsewhere.join()
    unroute(here)
    assert output.text("stdout") == "kept\n"


def test_who_prints_while_the_last_code_ends_goes_on() -> None:
    # Python before 3.13.3 dies where the stream goes that `print` is at.
    program = """
        import io, sys, threading
        from openenv.core.tools.code.output import route, unroute

        class Ending(io.StringIO):
            def write(self, text):
                unroute(threading.current_thread())
                return super().write(text)

        ending = sys.stdout = Ending()
        for _ in range(2000):
            route(threading.current_thread())
            print("x" * 50)
            junk = [io.StringIO() for _ in range(5)]
        sys.exit(ending.getvalue() != ("x" * 50 + "\\n") * 2000)
    """
    subprocess.run([sys.executable, "-c", dedent(program)], check=True, timeout=100)
