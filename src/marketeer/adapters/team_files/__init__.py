"""The team loader: skills, pipelines, rules, models and prices from files, as `ports.Team`."""

from marketeer.adapters.team_files.plans import Squad
from marketeer.adapters.team_files.team import BUILT_IN, FileTeam, load_team

__all__ = ["BUILT_IN", "FileTeam", "Squad", "load_team"]
