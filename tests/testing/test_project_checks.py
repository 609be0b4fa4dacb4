"""The checks of projects: passed by those in `envs`, and each of them failed by a fault that is planted."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.testing import Severity, check_project
from openenv.testing._environment_check import Check
from openenv.testing._live_checks import LIVE_CHECKS
from openenv.testing._project_loading import LOADING_CHECKS
from openenv.testing._static_checks import STATIC_CHECKS

ENVIRONMENTS = sorted((Path(__file__).resolve().parents[2] / "envs").glob("*/openenv.yaml"))
ECHO = next(path.parent for path in ENVIRONMENTS if path.parent.name == "echo_env")
OF_PROJECTS: tuple[Check[Any], ...] = (*STATIC_CHECKS, *LOADING_CHECKS)
_MADE = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".venv")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of a good environment, in a directory that is called as no package."""
    return Path(shutil.copytree(ECHO, tmp_path / "a-clone", ignore=_MADE))


# -- good ones


@pytest.mark.lengthy
@pytest.mark.parametrize("manifest", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_the_environments_of_this_repository_pass_every_check(manifest: Path) -> None:
    report = check_project(manifest.parent, steps=8, check_timeout_s=300)

    report.raise_if_failed(strict=True)
    assert report.environment == manifest.parent.name
    assert {result.name for result in report.results} >= {"client_and_server_agree", "memory_stays_bounded"}


def test_what_runs_is_what_is_in_the_directory(project: Path) -> None:
    """The same package is installed from elsewhere, and imported by then."""
    import echo_env

    source = project / "server" / "echo_environment.py"
    source.write_text(source.read_text().replace("reward=length / 10", 'reward=float("nan")'))

    report = check_project(project, level="contract", steps=5)

    assert [finding.check for finding in report.findings] == ["rewards_are_finite_numbers"]
    assert sys.modules["echo_env"] is echo_env
    assert not [name for name in sys.modules if name.partition(".")[0] == "server"]
    assert str(project) not in sys.path


def test_an_application_of_somebody_elses_making_is_asked_over_its_wire(project: Path) -> None:
    app = project / "server" / "app.py"
    app.write_text(
        app.read_text().replace("app = create_app(", "served = create_app(")
        + "\n\nasync def app(scope, receive, send):\n    await served(scope, receive, send)\n"
    )

    report = check_project(project, level="contract", steps=5)

    report.raise_if_failed(strict=True)
    left_out = {result.name: result.left_out for result in report.results if result.left_out}
    assert left_out["it_can_be_made"] == "it is made by its server"


# -- planted faults

MANIFEST, PYPROJECT, DOCKERFILE, README, IGNORED = (
    "openenv.yaml",
    "pyproject.toml",
    "Dockerfile",
    "README.md",
    ".dockerignore",
)
APP, CLIENT = "server/app.py", "client.py"
# The check, the file, what stands there, what is written in its place, what is seen, and where.
FAULTS = [
    ("there_is_a_manifest", MANIFEST, "", None, "there is none", MANIFEST),
    ("there_is_a_manifest", MANIFEST, "name: echo_env", "name: [", "openenv.yaml cannot be read", MANIFEST),
    ("there_is_a_manifest", MANIFEST, None, "echo", "expected a mapping of settings", MANIFEST),
    ("manifest_fields_are_valid", MANIFEST, "port: 8000", "port: eight", "'eight'", "openenv.yaml: port"),
    ("manifest_fields_are_valid", MANIFEST, "spec_version: 1", "spec_version: 2", "2", "openenv.yaml: spec_version"),
    ("manifest_fields_are_known", MANIFEST, "port: 8000", "prot: 8000", "'prot', which nothing", "openenv.yaml: prot"),
    ("manifest_fields_are_known", MANIFEST, "type: space", "type: room", "'room'", "openenv.yaml: type"),
    ("manifest_names_the_environment", MANIFEST, "name: echo_env", "", "none", "openenv.yaml: name"),
    ("manifest_names_the_environment", MANIFEST, "name: echo_env", "name: Echo!", "'Echo!'", "openenv.yaml: name"),
    ("manifest_app_is_there", MANIFEST, "server.app:app", "web.app:app", "no module 'web.app'", "openenv.yaml: app"),
    ("manifest_app_is_there", APP, "app = create_app", "api = create_app", "has no 'app'", "openenv.yaml: app"),
    ("manifest_classes_are_there", MANIFEST, "port", "action: Say\nport", "no class 'Say'", "openenv.yaml: action"),
    ("manifest_classes_are_there", MANIFEST, "port", "client: c:E\nport", "no module 'c'", "openenv.yaml: client"),
    ("there_is_a_package", PYPROJECT, "", None, "there is none", PYPROJECT),
    ("there_is_a_package", PYPROJECT, "[project]", "[project", "cannot be read", PYPROJECT),
    ("there_is_a_package", PYPROJECT, 'version = "0.1.0"', "", "none", "pyproject.toml: project.version"),
    (
        "package_depends_on_openenv",
        PYPROJECT,
        "openenv-core>=0.11",
        "openenv-corps",
        "openenv-corps",
        "pyproject.toml: project.dependencies",
    ),
    ("package_has_an_entry_point", PYPROJECT, '.environments"', '.worlds"', "none", None),
    ("package_has_an_entry_point", PYPROJECT, 'echo_env = "echo_env"', 'echo_env = "ecco"', "no package 'ecco'", None),
    ("package_holds_the_manifest", PYPROJECT, '"openenv.yaml", ', "", "['py.typed']", None),
    ("package_lists_its_modules", PYPROJECT, ', "echo_env.server"', "", "without the package in server", None),
    (
        "package_lists_its_modules",
        PYPROJECT,
        '"echo_env",',
        '"echo_env", "echo_env.sever",',
        "no directory sever",
        None,
    ),
    ("package_has_a_server_command", PYPROJECT, "server = ", "serve = ", "none", None),
    ("package_has_a_server_command", PYPROJECT, "app:main", "app:run", "server/app.py has no 'run'", None),
    ("package_has_a_server_command", PYPROJECT, "server.app:main", "main:main", "no module 'echo_env.main'", None),
    ("package_says_which_python", PYPROJECT, "requires-python", "python", "none", None),
    ("there_is_a_dockerfile", DOCKERFILE, "", None, "there is none", DOCKERFILE),
    ("there_is_a_dockerfile", DOCKERFILE, None, "RUN true\n", "no FROM in it", DOCKERFILE),
    ("image_base_is_pinned", DOCKERFILE, "python:3.12-slim", "python", "'python'", "Dockerfile: line 2: FROM"),
    ("image_base_is_pinned", DOCKERFILE, "3.12-slim", "latest", "'python:latest'", "Dockerfile: line 2: FROM"),
    ("image_runs_as_a_user", DOCKERFILE, "USER user", "", "no USER, which is root", "Dockerfile: USER"),
    ("image_runs_as_a_user", DOCKERFILE, "USER user", "USER user\nUSER root", "USER root", None),
    ("image_runs_as_a_user", DOCKERFILE, "EXPOSE", "FROM python:3.12 AS last\nEXPOSE", "no USER", None),
    ("image_checks_its_health", DOCKERFILE, "HEALTHCHECK", "ONBUILD", "none", "Dockerfile: HEALTHCHECK"),
    ("image_checks_its_health", DOCKERFILE, "/health", "/", "HEALTHCHECK --interval", None),
    ("image_starts_a_server", DOCKERFILE, 'CMD ["server"', 'LABEL a=["server"', "neither CMD nor", "Dockerfile: CMD"),
    ("image_starts_a_server", DOCKERFILE, "0.0.0.0", "127.0.0.1", 'CMD ["server", "--host", "127.0.0.1"', None),
    ("image_holds_no_secrets", DOCKERFILE, "EXPOSE", "ENV HF_TOKEN=abc\nEXPOSE", "ENV HF_TOKEN with a value", None),
    ("image_holds_no_secrets", DOCKERFILE, "EXPOSE", "ARG API_KEY=a\nEXPOSE", "ARG API_KEY with a value", None),
    ("image_holds_no_secrets", DOCKERFILE, "EXPOSE", f"RUN x hf_{'a' * 30}\nEXPOSE", "the form of a token", None),
    ("image_holds_no_secrets", DOCKERFILE, "EXPOSE", "COPY .env /\nEXPOSE", "COPY .env /", None),
    ("image_leaves_private_files_out", IGNORED, ".env\n", "", "no .env", IGNORED),
    ("image_leaves_private_files_out", IGNORED, "", None, "there is none", IGNORED),
    ("client_and_server_agree", CLIENT, "EnvClient[EchoAction", "EnvClient[Action", "its action is Action", None),
    ("client_and_server_agree", CLIENT, "Observation, State]", "Observation, Place]", "its state is Place", None),
    ("readme_has_a_space_header", README, "", None, "there is none", README),
    ("readme_has_a_space_header", README, "---\ntitle", "title", "README.md has no header", README),
    ("readme_has_a_space_header", README, "sdk: docker", "sdk: gradio", "'gradio'", "README.md: sdk"),
    ("readme_has_a_space_header", README, "app_port: 8000", "", "None", "README.md: app_port"),
    ("readme_has_a_space_header", README, "title: Echo Environment", "", "none", "README.md: title"),
    ("readme_has_the_tag", README, "  - openenv", "  - open", "['open']", "README.md: tags"),
    ("image_exposes_its_port", DOCKERFILE, "EXPOSE 8000", "", "none", "Dockerfile: EXPOSE"),
    ("ports_agree", MANIFEST, "port: 8000", "port: 8001", "8001 in openenv.yaml, 8000 in README.md", None),
    ("ports_agree", DOCKERFILE, "EXPOSE 8000", "EXPOSE 80", "80 in Dockerfile (EXPOSE)", None),
    ("ports_agree", DOCKERFILE, '"--port", "8000"', '"--port", "81"', "81 in Dockerfile (CMD)", None),
    ("ports_agree", README, "app_port: 8000", "app_port: 7860", "7860 in README.md (app_port)", None),
    ("versions_agree", MANIFEST, "version: 0.1.0", "version: 0.2.0", "0.2.0 there, and 0.1.0 in pyproject.toml", None),
    ("the_application_loads", APP, '"""Serves', 'raise OSError("no disk")\n"""Serves', "OSError: no disk", None),
    ("the_application_loads", APP, "import uvicorn", "import uvicron", "No module named 'uvicron'", None),
    ("the_application_loads", APP, 'create_app(EchoEnvironment, env_name="echo_env")', '"an app"', "is a str", None),
]


@pytest.mark.parametrize(("name", "file", "old", "new", "seen", "place"), FAULTS)
def test_a_planted_fault_is_found(
    project: Path, name: str, file: str, old: str | None, new: str | None, seen: str, place: str | None
) -> None:
    _plant(project / file, old, new)

    report = check_project(project, checks=[name])

    [check] = [check for check in OF_PROJECTS if check.name == name]
    [finding] = report.findings
    assert seen in finding.seen
    assert place is None or finding.place == place
    assert finding.expected
    assert finding.advice
    assert report.passed == (check.severity is Severity.WARNING)


def _plant(path: Path, old: str | None, new: str | None) -> None:
    """Write something in the place of what stands in a file; without either, in the place of all, or nothing at all."""
    if new is None:
        path.unlink()
        return
    text = path.read_text(encoding="utf-8")
    assert old is None or old in text
    path.write_text(new if old is None else text.replace(old, new, 1), encoding="utf-8")


def test_every_check_has_been_seen_to_fail() -> None:
    assert {fault[0] for fault in FAULTS} == {check.name for check in OF_PROJECTS}


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in (*OF_PROJECTS, *LIVE_CHECKS)]

    assert len(set(names)) == len(names)


def test_what_cannot_be_told_for_want_of_a_file_is_left_out(project: Path) -> None:
    for name in (MANIFEST, PYPROJECT, DOCKERFILE, README):
        (project / name).unlink()

    report = check_project(project, level="static")

    assert [finding.check for finding in report.findings] == [
        "there_is_a_manifest",
        "there_is_a_package",
        "there_is_a_dockerfile",
        "readme_has_a_space_header",
    ]
    assert {result.left_out for result in report.results if result.left_out} >= {
        "there is no openenv.yaml",
        "there is no pyproject.toml",
        "there is no Dockerfile",
        "README.md has no header",
    }


def test_an_environment_that_cannot_be_imported_is_not_played(project: Path) -> None:
    (project / APP).write_text("raise RuntimeError('no')")

    report = check_project(project, level="contract")

    assert "the_application_loads" in [finding.check for finding in report.findings]
    assert report.results[-1].left_out == "the_application_loads is to be mended first"


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected the directory of an environment, got "):
        check_project(tmp_path / "nowhere")
