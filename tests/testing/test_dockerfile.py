"""What is read of a Dockerfile."""

from __future__ import annotations

from openenv.testing._dockerfile import Dockerfile

FILE = Dockerfile.read(
    "Dockerfile",
    """# syntax=docker/dockerfile:1
ARG VERSION=3.12
FROM --platform=linux/amd64 python:${VERSION}-slim AS base
USER nobody
ENV NAME="a value" OTHER=${MISSING:-else}
ENV OLD way

FROM base AS middle
run apt-get update \\
    # and then
    && apt-get install git
RUN <<END
USER root
END
FROM node:22 AS aside
EXPOSE 1
FROM middle
EXPOSE $PORT
""",
)


def test_instructions_have_names_values_and_lines() -> None:
    assert [(each.line, each.name) for each in FILE.instructions] == [
        (2, "ARG"),
        (3, "FROM"),
        (4, "USER"),
        (5, "ENV"),
        (6, "ENV"),
        (8, "FROM"),
        (9, "RUN"),
        (12, "RUN"),
        (15, "FROM"),
        (16, "EXPOSE"),
        (17, "FROM"),
        (18, "EXPOSE"),
    ]
    assert FILE.instructions[6].value == "apt-get update && apt-get install git"
    assert FILE.instructions[6].place == "line 9: RUN"


def test_the_last_stage_has_what_the_stages_below_it_say() -> None:
    user, exposed = FILE.last("USER"), FILE.last("EXPOSE")

    assert user is not None
    assert user.value == "nobody"
    assert exposed is not None
    assert exposed.line == 18
    assert FILE.last("CMD") is None


def test_variables_are_filled_as_far_as_they_are_known() -> None:
    assert (
        FILE.filled("python:${VERSION}-slim $NAME ${OLD} ${PORT:-80} $PORT") == "python:3.12-slim a value way 80 $PORT"
    )
    assert [(name, value) for _, name, value in FILE.assignments()] == [
        ("VERSION", "3.12"),
        ("NAME", "a value"),
        ("OTHER", "${MISSING:-else}"),
        ("OLD", "way"),
    ]
