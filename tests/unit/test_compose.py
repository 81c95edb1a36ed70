"""docker-compose.yml as a parser reads it: a Redis that loses nothing and is reached from this machine alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from marketeer.cli.app import COMMANDS
from marketeer.settings import settings_table

FILE = Path(__file__).parents[2] / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KNOWN = {
    *("build", "command", "depends_on", "env_file", "environment", "healthcheck", "image", "ports", "profiles"),
    *("restart", "stop_grace_period", "volumes"),
}


def test_it_names_nothing_that_compose_does_not_know() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"services", "volumes"}
    assert {key for service in SERVICES.values() for key in service} <= KNOWN


def test_redis_alone_starts_by_itself_and_everything_else_has_a_profile() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["redis"]


def test_redis_writes_down_what_it_knows_forgets_nothing_and_tells_how_it_does() -> None:
    redis = SERVICES["redis"]
    assert redis["image"] == "redis:7-alpine"
    command = " ".join(redis["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    (volume,) = redis["volumes"]
    assert volume.split(":")[0] in COMPOSE["volumes"]
    assert redis["healthcheck"]["test"][-1] == "ping"


def test_every_port_is_bound_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_app_and_workers_run_commands_of_ours_with_settings_of_ours_once_redis_is_well() -> None:
    variables = {name for name, _, _ in settings_table()}
    for name in ("app", "worker"):
        service = SERVICES[name]
        assert (FILE.parent / service["build"]["dockerfile"]).is_file()
        assert service["command"][0] in COMMANDS
        assert service["environment"].keys() <= variables
        assert service["environment"]["REDIS_HOST"] in SERVICES
        assert service["depends_on"]["redis"]["condition"] == "service_healthy"
