"""Certificates lent to a Dockerfile's instructions."""

from __future__ import annotations

import pytest

from openenv.core.containers.images._lending import with_certificates

MOUNT = "--mount=type=secret,id=openenv_ca_bundle"


@pytest.mark.parametrize(
    ("line", "begins", "ends"),
    [
        ("RUN pip install x\n", f"RUN {MOUNT} export SSL_CERT_FILE=", " && pip install x\n"),
        ("  run  curl x", f"  run  {MOUNT} export ", " && curl x"),
        ("RUN --network=host pip install x\n", f"RUN {MOUNT} --network=host export ", " && pip install x\n"),
        ('RUN ["pip", "install"]\n', f'RUN {MOUNT} ["pip"', ', "install"]\n'),
        ("RUN \\\n  pip install x\n", f"RUN {MOUNT} \\\n", "  pip install x\n"),
    ],
)
def test_every_run_has_them(line: str, begins: str, ends: str) -> None:
    changed = with_certificates(line)

    assert changed.startswith(begins)
    assert changed.endswith(ends)


@pytest.mark.parametrize(
    "text",
    [
        "FROM python\nCOPY . .\n",
        "# RUN pip install x\n",
        "CMD echo \\\n  RUN away\n",
        "ENV A=1 \\\n# RUN in a comment\n\n  RUN=2\n",
        "COPY <<EOF /file\nRUN pip install x\nEOF\n",
    ],
)
def test_nothing_else_is_changed(text: str) -> None:
    assert with_certificates(text) == text


def test_a_document_of_its_own_has_the_file() -> None:
    text = "RUN <<EOF\nRUN this\nEOF\nRUN that\n"
    first, inner, end, last = with_certificates(text).splitlines()

    assert (first, inner, end) == (f"RUN {MOUNT} <<EOF", "RUN this", "EOF")
    assert last.startswith(f"RUN {MOUNT} export ")
