"""Write docs/team.md anew, from the built-in team's files. Run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from marketeer.adapters.team_files import load_team
from marketeer.cli.team_page import team_page

PAGE = Path(__file__).parent.parent / "docs" / "team.md"


if __name__ == "__main__":
    PAGE.write_text(team_page(load_team(None)), "utf-8")
