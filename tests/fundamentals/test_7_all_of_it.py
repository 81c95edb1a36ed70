"""Chapter 7: all of it together. One call takes a goal from words to finished deliverables."""

from __future__ import annotations

from pathlib import Path

import pytest

import marketeer
from marketeer.domain.errors import ConfigurationError

GOAL = "Increase signup conversion by 20%"


async def test_a_goal_is_planned_done_reviewed_and_reported(tmp_path: Path) -> None:
    """`rehearse=True` asks the model of chapter 5; without it and with a key, the same code asks Claude."""
    result = await marketeer.run_goal(GOAL, workspace=tmp_path / "workspace", rehearse=True)

    assert result.completed, result.error
    assert result.document["pipeline"] == "Conversion Sprint"
    assert result.report_path is not None
    assert GOAL in result.report_path.read_text(encoding="utf-8")


async def test_deliverables_are_markdown_files_and_a_rehearsals_lie_apart(tmp_path: Path) -> None:
    result = await marketeer.run_goal("Run it", workspace=tmp_path, rehearse=True, pipeline="Content Production")

    assert result.output_paths
    for path in result.output_paths:
        assert path.read_text(encoding="utf-8").lstrip()
        assert path.relative_to(tmp_path).parts[0] == "rehearsal"


async def test_a_real_goal_without_a_key_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        await marketeer.run_goal(GOAL, workspace=tmp_path / "workspace")

    assert not (tmp_path / "workspace").exists()
