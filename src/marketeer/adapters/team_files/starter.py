"""A new skill folder that is right from the first moment: the starter's files with the new name in them."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from string import Template

from marketeer.adapters.team_files.frontmatter import MAX_NAME_CHARS, SKILL_NAME
from marketeer.adapters.team_files.skills import RESERVED_NAMES, SkillFolder, renew_template
from marketeer.adapters.team_files.source import read_text, suggest
from marketeer.domain.errors import UsageError

STARTER = Path(__file__).parent.parent.parent / "team" / "starter"
FILES = ("contract.yaml", "SKILL.md")


def make_skill(skills: Path, name: str, *, squad: str, squads: Collection[str], taken: Collection[str]) -> SkillFolder:
    """`skills/name` with SKILL.md and contract.yaml. Raises UsageError for a name that cannot be, or is taken."""
    _check_name(name, taken)
    if squad not in squads:
        msg = f"no squad {squad!r}; {suggest(squad, squads)}"
        raise UsageError(msg)
    path = skills / name
    folder = SkillFolder(name=name, path=path, shown=path.as_posix(), own=True)
    words = name.replace("-", " ")
    values = {"name": name, "squad": squad, "words": words, "title": words.capitalize()}
    try:
        path.mkdir(parents=True)
        for file in FILES:
            text = read_text(STARTER / file, f"marketeer/team/starter/{file}")
            (path / file).write_text(Template(text).substitute(values), "utf-8")
    except OSError as exc:
        msg = f"{str(path)!r} cannot be made ({exc.strerror}); mend that, or give another --workspace"
        raise UsageError(msg) from exc
    renew_template(folder, squads)
    return folder


def _check_name(name: str, taken: Collection[str]) -> None:
    if not SKILL_NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_NAME_CHARS].strip("-")
        hint = f"did you mean {near!r}?" if near else "give it a name such as 'podcast-notes'"
        msg = f"{name!r} is no name for a skill: lowercase letters, digits and single hyphens; {hint}"
        raise UsageError(msg)
    if name in RESERVED_NAMES:
        msg = f"{name!r} is no name for a skill, as handoffs use it; choose another"
        raise UsageError(msg)
    if name in taken:
        msg = f"there is a skill {name!r} already; choose another name, or copy its folder into team/skills/"
        raise UsageError(msg)
