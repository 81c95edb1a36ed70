"""What is wrong with skill folders: everything at once, each with file, line and remedy, while loading stops at the
first mistake."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from marketeer.adapters.team_files.references import dangling
from marketeer.adapters.team_files.schema import ContractFile
from marketeer.adapters.team_files.skills import (
    SkillFolder,
    check_no_circle,
    check_squad,
    need_faults,
    neighbour_faults,
    read_info,
    read_instructions,
    read_skill,
)
from marketeer.adapters.team_files.source import TeamFileError, list_folder, suggest
from marketeer.adapters.team_files.team import FileTeam
from marketeer.domain.contract_check import check
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Severity
from marketeer.domain.skill import FOUNDATION_SKILL, Skill, SkillInfo
from marketeer.domain.skill_text import TemplateState, template_line, template_state
from marketeer.domain.usage import token_estimate

MAX_LINES = 500
MAX_TOKENS = 5_000
EXAMPLE_INPUTS = "examples/inputs"

_NO_FOLDERS: Mapping[str, SkillFolder] = MappingProxyType({})
_MENTION = re.compile(r"(?<![\w/.])(?P<path>(?:references|examples)/[\w./-]*\w\.\w+)")
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<path>[^)\s#]+)[^)]*\)")
_FRONT = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was looked at and what is wrong with it; `notes` are no mistakes, but worth knowing."""

    skills: tuple[str, ...]
    problems: tuple[TeamFileError, ...]
    notes: tuple[str, ...] = ()


def inspect_skills(
    team: FileTeam, names: Sequence[str], *, context: str, more: Mapping[str, SkillFolder] = _NO_FOLDERS
) -> Inspection:
    """Look for mistakes in these skills of the team with `more` folders laid over it."""
    folders = {**team.folders, **more}
    squads = [squad.name for squad in team.squads()]
    return Inspector(folders=folders, squads=squads, context=context).inspect(names)


@dataclass(slots=True, kw_only=True)
class Inspector:
    """Looks at some folders of a team. `context` is the product context their examples are held against, "" when there
    is none: then only what needs no fact is checked."""

    folders: Mapping[str, SkillFolder]
    squads: Collection[str]
    context: str
    notes: list[str] = field(default_factory=list)

    def inspect(self, names: Sequence[str]) -> Inspection:
        found = [fault for name in names for fault in self._folder(self.folders[name])]
        found += self._edges(names)
        unique = {str(fault): fault for fault in found}
        return Inspection(skills=tuple(names), problems=tuple(unique.values()), notes=tuple(self.notes))

    def _folder(self, folder: SkillFolder) -> Iterator[TeamFileError]:
        faults = list(self._contract(folder))
        yield from faults
        try:
            text, shown = folder.read("SKILL.md")
            read_instructions(folder)
        except TeamFileError as fault:
            yield fault
            return
        yield from _size(text, shown)
        yield from _links(folder, text, shown)
        if not faults:
            skill = read_skill(folder, self.squads)
            yield from _template(skill, text, shown)
            yield from self._examples(folder, skill)

    def _contract(self, folder: SkillFolder) -> Iterator[TeamFileError]:
        try:
            source, data = folder.contract()
            faults = source.faults(ContractFile, data)
            if not faults:
                file = source.check(ContractFile, data)
                check_squad(folder.name, file.squad, self.squads, source)
                faults = [source.error(*problem) for problem in dangling(file.make(folder.name), data)]
            yield from faults
        except TeamFileError as fault:
            yield fault

    # -- examples ----------------------------------------------------------------------------------------------

    def _examples(self, folder: SkillFolder, skill: Skill) -> Iterator[TeamFileError]:
        files = markdown_files(folder, "examples")
        if not files:
            self.notes.append(f"{folder.shown}: no example yet; examples/<name>.md shows what a finished output is")
        for name in files:
            try:
                text, shown = folder.read(f"examples/{name}")
                inputs = _inputs(folder)
            except TeamFileError as fault:
                yield fault
                continue
            yield from self._example(skill, text, shown, inputs)

    def _example(self, skill: Skill, text: str, shown: str, inputs: Mapping[str, str]) -> Iterator[TeamFileError]:
        registry = frozenset(self.folders)
        if skill.info.name == FOUNDATION_SKILL:
            # The product context is its own source of names, and none of figures.
            facts = replace(facts_of(parse_context(text), registry=registry, sources=inputs), context=None)
        else:
            facts = facts_of(parse_context(self.context), registry=registry, sources=inputs)
        for finding in check(skill.contract, text, facts).findings:
            if finding.severity is not Severity.MINOR:
                where = f"in `## {finding.section}`: " if finding.section else ""
                what = f"{where}{finding.found}; the contract wants {finding.wanted}"
                yield TeamFileError(shown, _heading_line(text, finding.section), " ".join(what.split()))

    # -- edges -------------------------------------------------------------------------------------------------

    def _edges(self, names: Sequence[str]) -> Iterator[TeamFileError]:
        infos = self._infos()
        mine = {name: info for name, info in infos.items() if name in names}
        unknown = list(neighbour_faults(self.folders, mine))
        yield from unknown
        try:
            yield from need_faults(self.folders, mine, self.squads)
        except TeamFileError as fault:
            yield fault
        if not unknown:
            try:
                check_no_circle(self.folders, infos, blame=[n for n in names if self.folders[n].own] or names)
            except TeamFileError as fault:
                yield fault

    def _infos(self) -> dict[str, SkillInfo]:
        """Of the skills that can be read; the others are faults already."""
        infos = {}
        for name, folder in self.folders.items():
            try:
                infos[name] = read_info(folder, self.squads)
            except TeamFileError:
                continue
        return infos


def markdown_files(folder: SkillFolder, part: str) -> list[str]:
    """The names of a part's Markdown files, in alphabetical order."""
    return sorted(path.name for path in list_folder(folder.path / part, f"{folder.shown}/{part}") if _is_page(path))


def _inputs(folder: SkillFolder) -> dict[str, str]:
    """What the examples were made from, under the paths that outputs cite: `[in:inputs/page.md]`."""
    paths = list_folder(folder.path / EXAMPLE_INPUTS, f"{folder.shown}/{EXAMPLE_INPUTS}")
    files = sorted(path.name for path in paths if path.is_file())
    return {f"inputs/{name}": folder.read(f"{EXAMPLE_INPUTS}/{name}")[0] for name in files}


def _is_page(path: Path) -> bool:
    return path.is_file() and path.suffix == ".md"


def _size(text: str, shown: str) -> Iterator[TeamFileError]:
    lines, tokens = text.count("\n") + 1, token_estimate(text)
    advice = "move detail into references/"
    if lines >= MAX_LINES:
        yield TeamFileError(shown, None, f"{lines} lines; keep it under {MAX_LINES}: {advice}")
    if tokens >= MAX_TOKENS:
        yield TeamFileError(shown, None, f"about {tokens:,} tokens; keep it under {MAX_TOKENS:,}: {advice}")


def _template(skill: Skill, text: str, shown: str) -> Iterator[TeamFileError]:
    said = {
        TemplateState.STALE: "the output template differs from contract.yaml; add --fix to renew it",
        TemplateState.ABSENT: "the output template is missing; add --fix to put it in",
        TemplateState.BROKEN: "the template's markers are no pair; delete them and what is between, then add --fix",
    }
    state = template_state(text, skill.contract)
    if state in said:
        yield TeamFileError(shown, template_line(text), said[state])


def _links(folder: SkillFolder, text: str, shown: str) -> Iterator[TeamFileError]:
    """Mentioned files exist, references are mentioned, and all of them lie one level deep."""
    mentioned: set[str] = set()
    for match in (*_MENTION.finditer(text), *_LINK.finditer(_FRONT.sub(lambda front: " " * len(front[0]), text))):
        path = match["path"].removeprefix("./")
        if path not in mentioned:
            mentioned.add(path)
            yield from _mention(folder, path, shown, text.count("\n", 0, match.start()) + 1)
    for part in ("references", "examples"):
        for entry in list_folder(folder.path / part, f"{folder.shown}/{part}"):
            yield from _entry(folder, part, entry, mentioned, shown)


def _mention(folder: SkillFolder, path: str, shown: str, line: int) -> Iterator[TeamFileError]:
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/"):
        yield TeamFileError(
            shown, line, f"the link {path!r} leads out of the skill's folder; copy what it needs into it"
        )
    elif len(parts) > 2:
        yield TeamFileError(shown, line, f"{path!r} lies deeper than one level; put it directly into {parts[0]}/")
    elif not (folder.path / path).is_file():
        known = [f"{part}/{name}" for part in ("references", "examples") for name in markdown_files(folder, part)]
        hint = suggest(path, known) if known else "write the file, or take the mention out"
        yield TeamFileError(shown, line, f"there is no file {path!r}; {hint}")


def _entry(folder: SkillFolder, part: str, entry: Path, mentioned: set[str], shown: str) -> Iterator[TeamFileError]:
    name = f"{part}/{entry.name}"
    if name == EXAMPLE_INPUTS and entry.is_dir():
        return
    if not _is_page(entry):
        what = "is a folder" if entry.is_dir() else "is no Markdown file"
        yield TeamFileError(f"{folder.shown}/{name}", None, f"{what}, and nothing reads it; keep .md files only")
    elif part == "references":
        if name not in mentioned:
            hint = f"mention `{name}` where SKILL.md says when to read it"
            yield TeamFileError(shown, None, f"{name} is not linked; {hint}")
        yield from _reference(folder, name)


def _reference(folder: SkillFolder, name: str) -> Iterator[TeamFileError]:
    """A reference that leads on to another file is read too late or never."""
    try:
        text, shown = folder.read(name)
    except TeamFileError as fault:
        yield fault
        return
    for match in _LINK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield TeamFileError(shown, line, f"links on to {match['path']!r}; link it from SKILL.md instead")


def _heading_line(text: str, heading: str) -> int | None:
    """Where a section begins, as near as its heading can be found."""
    if not heading:
        return None
    found = re.search(rf"^##[ \t]+{re.escape(heading)}\b", text, re.MULTILINE | re.IGNORECASE)
    return text.count("\n", 0, found.start()) + 1 if found else None
