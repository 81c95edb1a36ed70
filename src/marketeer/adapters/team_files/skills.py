"""One skill's folder: SKILL.md, contract.yaml and references/, read into domain data."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketeer.adapters.team_files.frontmatter import MAX_NAME_CHARS, SKILL_NAME, Frontmatter
from marketeer.adapters.team_files.references import dangling
from marketeer.adapters.team_files.schema import ContractFile, ContractHead
from marketeer.adapters.team_files.source import Source, TeamFileError, list_folder, parse_yaml, read_text, suggest
from marketeer.domain.skill import DIRECTOR, FOUNDATION_SKILL, Reference, Skill, SkillInfo
from marketeer.domain.skill_text import with_template, without_template

HUMAN = "human"
RESERVED_NAMES = (DIRECTOR, HUMAN)  # a handoff may go to them, so no skill can be called that

_FRONTMATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_SECTIONS = re.compile(r"^(?:sections|rubric):.*?(?=^[^\s#-]|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFolder:
    """Where a skill lies; `shown` is how messages name the folder. `own`: it is the workspace's."""

    name: str
    path: Path
    shown: str
    own: bool

    def read(self, file: str) -> tuple[str, str]:
        """The file's text and how messages name it."""
        shown = f"{self.shown}/{file}"
        return read_text(self.path / file, shown), shown

    def contract(self) -> tuple[Source, dict[str, Any]]:
        return parse_yaml(*self.read("contract.yaml"))


def skill_folders(root: Path, shown: str, *, own: bool) -> dict[str, SkillFolder]:
    """The skills of `root/skills`, opening none of them. Folders whose name starts with . or _ are left alone."""
    return {
        path.name: SkillFolder(name=path.name, path=path, shown=f"{shown}/skills/{path.name}", own=own)
        for path in list_folder(root / "skills", f"{shown}/skills")
        if path.is_dir() and not path.name.startswith("_")
    }


def folders_below(path: Path) -> dict[str, SkillFolder]:
    """The skill folders a person means by a path: itself, or what lies in it, in its `skills/` or its `team/skills/`.
    Messages name them by the path as it was given."""
    if _is_skill(path):
        return {path.resolve().name: _own(path)}
    for place in (path, path / "skills", path / "team" / "skills"):
        found = [entry for entry in list_folder(place, str(place)) if entry.is_dir() and not entry.name.startswith("_")]
        if any(_is_skill(entry) for entry in found):
            return {entry.name: _own(entry) for entry in sorted(found)}
    return {}


def _is_skill(path: Path) -> bool:
    return (path / "SKILL.md").is_file() or (path / "contract.yaml").is_file()


def _own(path: Path) -> SkillFolder:
    return SkillFolder(name=path.resolve().name, path=path, shown=path.as_posix(), own=True)


def read_info(folder: SkillFolder, squads: Collection[str]) -> SkillInfo:
    """What planning needs. Sections and rubric, most of the file, are cut out first; blank lines keep the numbering."""
    text, shown = folder.read("contract.yaml")
    source, data = parse_yaml(_SECTIONS.sub(lambda found: "\n" * found[0].count("\n"), text), shown)
    data.pop("sections", None)
    data.pop("rubric", None)
    head = source.check(ContractHead, data)
    check_squad(folder.name, head.squad, squads, source)
    return _info(folder.name, head, read_instructions(folder)[0])


def read_skill(folder: SkillFolder, squads: Collection[str]) -> Skill:
    """Everything: instructions, references and contract."""
    source, data = folder.contract()
    file = source.check(ContractFile, data)
    check_squad(folder.name, file.squad, squads, source)
    contract = file.make(folder.name)
    for place, problem in dangling(contract, data):
        raise source.error(place, problem)
    front, body = read_instructions(folder)
    info = _info(folder.name, file, front)
    return Skill(
        info=info, body=body, references=_read_references(folder), contract=contract, rubric=file.make_rubric()
    )


def renew_template(folder: SkillFolder, squads: Collection[str]) -> bool:
    """Write the contract's template into SKILL.md. False when it stood there already, or its markers are broken."""
    skill = read_skill(folder, squads)
    text, _ = folder.read("SKILL.md")
    renewed = with_template(text, skill.contract)
    if renewed == text:
        return False
    (folder.path / "SKILL.md").write_text(renewed, "utf-8")
    return True


def check_neighbours(folders: Mapping[str, SkillFolder], infos: Mapping[str, SkillInfo]) -> None:
    """Every skill named in upstream or downstream exists."""
    for fault in neighbour_faults(folders, infos):
        raise fault


def neighbour_faults(folders: Mapping[str, SkillFolder], infos: Mapping[str, SkillInfo]) -> Iterator[TeamFileError]:
    """Every name in upstream or downstream that is no skill."""
    for name, info in infos.items():
        for key, neighbours in (("upstream", info.upstream), ("downstream", info.downstream)):
            for index, other in enumerate(neighbours):
                if other not in folders:
                    msg = f"no skill {other!r} for {key}; {suggest(other, folders)}"
                    yield folders[name].contract()[0].error((key, index), msg)


def need_faults(
    folders: Mapping[str, SkillFolder], infos: Mapping[str, SkillInfo], squads: Collection[str]
) -> Iterator[TeamFileError]:
    """Every entry of needs that is no section of the product context."""
    asking = {name: info for name, info in infos.items() if info.needs}
    if not asking or FOUNDATION_SKILL not in folders:
        return
    known = [section.heading for section in read_skill(folders[FOUNDATION_SKILL], squads).contract.sections]
    for name, info in asking.items():
        for index, need in enumerate(info.needs):
            if need not in known:
                msg = f"no section {need!r} in the product context; {suggest(need, known)}"
                yield folders[name].contract()[0].error(("needs", index), msg)


def check_no_circle(
    folders: Mapping[str, SkillFolder], infos: Mapping[str, SkillInfo], *, blame: Collection[str]
) -> None:
    """Handoffs only run forward; work that goes back is a new pass and is not written in contracts. The error names the
    file of one of `blame`, when one of them is in the circle."""
    producers = {name: set(info.upstream) for name, info in infos.items()}
    for name, info in infos.items():
        for consumer in info.downstream:
            producers.setdefault(consumer, set()).add(name)
    try:
        graphlib.TopologicalSorter(producers).prepare()
    except graphlib.CycleError as exc:
        circle: list[str] = exc.args[1]
        at = next((name for name in circle if name in blame), circle[0])
        key = "upstream" if set(circle) & set(infos[at].upstream) else "downstream"
        msg = f"the handoffs go in a circle: {' -> '.join(circle)}; take one of these names out of {key}"
        raise folders[at].contract()[0].error((key,), msg) from exc


def _info(name: str, head: ContractHead, front: Frontmatter) -> SkillInfo:
    return SkillInfo(
        name=name,
        description=front.description,
        squad=head.squad,
        tier=head.tier,
        timeout_s=head.timeout_s,
        max_output_tokens=head.max_output_tokens,
        upstream=head.upstream,
        downstream=head.downstream,
        review_depth=head.review_depth,
        brief=head.brief.make(),
        needs=head.needs,
        cues=head.cues,
    )


def check_squad(name: str, squad: str | None, squads: Collection[str], source: Source) -> None:
    """Without a squad an output would land on the product context, which only the foundation skill may write."""
    if name == FOUNDATION_SKILL:
        if squad is not None:
            msg = f"the foundation skill {name!r} belongs to no squad; remove this line"
            raise source.error(("squad",), msg)
    elif squad is None:
        msg = f"squad is missing; add one of {', '.join(squads)}"
        raise source.error((), msg)
    elif squad not in squads:
        msg = f"no squad {squad!r}; {suggest(squad, squads)}"
        raise source.error(("squad",), msg)


def read_instructions(folder: SkillFolder) -> tuple[Frontmatter, str]:
    """SKILL.md's frontmatter and body, without the output template: prompts render that from the contract."""
    text, shown = folder.read("SKILL.md")
    head = _FRONTMATTER.match(text)
    if head is None:
        msg = "no frontmatter; begin the file with ---, name, description and ---"
        raise TeamFileError(shown, 1, msg)
    source, data = parse_yaml(head[1], shown, first_line=2)
    front = source.check(Frontmatter, data)
    _check_name(folder.name, front.name, source)
    body = without_template(text[head.end() :]).strip()
    if not body:
        msg = "no instructions below the frontmatter; write what this specialist does"
        raise TeamFileError(shown, None, msg)
    return front, body


def _check_name(folder_name: str, name: str, source: Source) -> None:
    if not SKILL_NAME.fullmatch(folder_name) or len(folder_name) > MAX_NAME_CHARS:
        msg = f"the folder name {folder_name!r} must be lowercase letters, digits and single hyphens; rename it"
        raise source.error(("name",), msg)
    if folder_name in RESERVED_NAMES:
        msg = f"{folder_name!r} is not a name for a skill (handoffs use it); rename the folder"
        raise source.error(("name",), msg)
    if name != folder_name:
        msg = f"name {name!r} differs from the folder {folder_name!r}; make them the same"
        raise source.error(("name",), msg)


def _read_references(folder: SkillFolder) -> tuple[Reference, ...]:
    paths = list_folder(folder.path / "references", f"{folder.shown}/references")
    names = sorted(path.name for path in paths if path.suffix == ".md")
    return tuple(Reference(name=name, text=folder.read(f"references/{name}")[0].strip()) for name in names)
