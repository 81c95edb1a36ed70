"""The machine's time zone by its name: from TZ, or as the system keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.adapters import system_clock
from marketeer.adapters.system_clock import machine_zone_name


@pytest.fixture(autouse=True)
def _no_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(system_clock, "ZONE_LINK", tmp_path / "localtime")
    monkeypatch.setattr(system_clock, "ZONE_FILE", tmp_path / "timezone")


def test_without_any_it_is_utc() -> None:
    assert machine_zone_name() == "UTC"


def test_the_variable_goes_before_the_link_and_the_link_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    assert machine_zone_name() == "Asia/Tokyo"
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/America/Argentina/Ushuaia")
    assert machine_zone_name() == "America/Argentina/Ushuaia"
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert machine_zone_name() == "Europe/Berlin"


@pytest.mark.parametrize("value", ["CET-1CEST", "../../etc/passwd", "/etc/localtime", "nonsense"])
def test_what_is_no_name_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    monkeypatch.setenv("TZ", value)
    assert machine_zone_name() == "Asia/Tokyo"
