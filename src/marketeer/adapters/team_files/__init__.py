"""The team loader: skills, pipelines, rules, models and prices from files, as `ports.Team`.

`inspection.py` is not among what is imported here: it needs the contract engine, and only who validates needs it.
"""

from marketeer.adapters.team_files.plans import Squad
from marketeer.adapters.team_files.skills import SkillFolder, folders_below, renew_template
from marketeer.adapters.team_files.source import TeamFileError
from marketeer.adapters.team_files.starter import make_skill
from marketeer.adapters.team_files.team import BUILT_IN, FileTeam, load_team

__all__ = [
    "BUILT_IN",
    "FileTeam",
    "SkillFolder",
    "Squad",
    "TeamFileError",
    "folders_below",
    "load_team",
    "make_skill",
    "renew_template",
]
