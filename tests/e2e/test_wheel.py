"""The wheel carries all it needs: installed elsewhere, away from the sources, it takes a goal to deliverables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import environment

ROOT = Path(__file__).parents[2]


def python(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=True
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package as its users get it."""
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    target = folder / "site"
    offline = ("--quiet", "--no-deps", "--no-index")
    python("-m", "pip", "install", *offline, "--target", str(target), str(wheel), cwd=folder)
    return target


@pytest.fixture
def away(installed: Path) -> dict[str, str]:
    return environment() | {"PYTHONPATH": str(installed)}


def test_the_installed_package_is_what_runs(installed: Path, away: dict[str, str], tmp_path: Path) -> None:
    where = python("-c", "import marketeer; print(marketeer.__file__)", cwd=tmp_path, env=away).stdout.strip()
    assert Path(where).is_relative_to(installed)


def test_a_goal_completes_from_the_wheel(away: dict[str, str], tmp_path: Path) -> None:
    python("-m", "marketeer", "init", "--example", cwd=tmp_path, env=away)
    done = python("-m", "marketeer", "start", "Reduce churn by a third", "--rehearse", "--json", cwd=tmp_path, env=away)
    document = json.loads(done.stdout)
    assert document["status"] == "completed"
    assert (tmp_path / "workspace" / document["report_path"]).is_file()


def test_every_file_the_package_reads_is_in_it(installed: Path) -> None:
    ours = ROOT / "src" / "marketeer"
    wanted = {p.relative_to(ours) for p in ours.rglob("*") if p.suffix in {".sql", ".j2", ".yaml", ".toml", ".md"}}
    assert wanted
    missing = [str(path) for path in wanted if not (installed / "marketeer" / path).is_file()]
    assert not missing, os.linesep.join(missing)
