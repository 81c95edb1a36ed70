"""What is shipped to run the daemon with: linted, and true to the code, since nothing here can run it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marketeer.cli.app import load_command
from marketeer.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
UNIT = ROOT / "deploy" / "marketeer.service"


def tool(name: str) -> str:
    """From the environment that runs the tests, or from the system."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} for this machine")
    return found


def test_the_dockerfile_has_no_finding_of_its_linter() -> None:
    done = subprocess.run([tool("hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_slim_runs_as_nobody_special_and_is_asked_how_it_is() -> None:
    steps = [line.split(maxsplit=1) for line in DOCKERFILE.read_text().splitlines() if re.match(r"[A-Z]+ ", line)]
    said = dict(steps)  # the last of each is the one of the image
    assert said["FROM"].startswith("python:3.13-slim")
    assert int(said["USER"]) > 1_000
    assert "'/health'" in said["HEALTHCHECK"]
    assert (said["ENTRYPOINT"], said["CMD"]) == ('["marketeer"]', '["start", "--daemon"]')


def test_the_image_copies_only_what_is_there_and_no_secret() -> None:
    wanted = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = {name for line in wanted for name in line.split()}
    assert all((ROOT / name).exists() for name in sources)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sources == allowed


def test_the_health_check_is_a_program() -> None:
    (check,) = re.findall(r'CMD \["python", "-c", "(.*)"\]', DOCKERFILE.read_text())
    compile(check, "HEALTHCHECK", "exec")


def test_the_unit_has_no_finding_of_systemd(tmp_path: Path) -> None:
    # what it begins is not installed here
    text = UNIT.read_text().replace("/opt/marketeer/bin/marketeer", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", [DOCKERFILE, UNIT], ids=["Dockerfile", "unit"])
def test_every_variable_that_is_set_is_read(page: Path) -> None:
    named = set(re.findall(r"(?:^Environment=|\b)([A-Z]+(?:_[A-Z]+)+)=", page.read_text(), re.MULTILINE))
    others = {"PIP_CONSTRAINT"}
    assert {name for name in named - others if name.lower() not in Settings.model_fields} == set()
    assert "WORKSPACE_DIR" in named


def test_the_command_they_run_exists_and_is_given_time_to_stop() -> None:
    unit = UNIT.read_text()
    assert "marketeer start --daemon" in unit
    assert "--daemon" in {option for param in load_command("start").params for option in param.opts}
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(patience) > load_settings().shutdown_grace_s
