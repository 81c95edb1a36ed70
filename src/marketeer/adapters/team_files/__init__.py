"""The team loader: skills, pipelines, rules, models and prices from files, as `ports.Team`."""

from marketeer.adapters.team_files.inspection import Inspection, renew_template
from marketeer.adapters.team_files.plans import Squad
from marketeer.adapters.team_files.skills import SkillFolder, folders_below
from marketeer.adapters.team_files.source import TeamFileError
from marketeer.adapters.team_files.starter import make_skill
from marketeer.adapters.team_files.team import BUILT_IN, FileTeam, load_team

__all__ = [
    "BUILT_IN",
    "FileTeam",
    "Inspection",
    "SkillFolder",
    "Squad",
    "TeamFileError",
    "folders_below",
    "load_team",
    "make_skill",
    "renew_template",
]
