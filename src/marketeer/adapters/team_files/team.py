"""The team as files: the built-in folder, with the workspace's own `team/` laid over it.

Everything is read when first asked for and kept: listing names opens no file, and planning reads contracts without
their sections. `docs/skill-format.md` describes the files for people.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketeer.adapters.team_files.gates import FILE as GATES_FILE
from marketeer.adapters.team_files.gates import read_gates
from marketeer.adapters.team_files.plans import Squad, SquadsFile, overlay_pipelines, read_pipelines
from marketeer.adapters.team_files.prices import Models, read_models
from marketeer.adapters.team_files.skills import (
    SkillFolder,
    check_neighbours,
    check_no_circle,
    need_faults,
    read_info,
    read_skill,
    skill_folders,
)
from marketeer.adapters.team_files.source import Source, list_folder, parse_toml, parse_yaml, read_text, suggest
from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.plan import Pipeline
from marketeer.domain.skill import Skill, SkillInfo
from marketeer.domain.usage import ModelSpec, Tier

BUILT_IN = Path(__file__).parent.parent.parent / "team"
# How messages name the two folders: relative to the package and to the workspace.
_BUILT_IN_SHOWN = "marketeer/team"
_OWN_SHOWN = "team"
_NO_OVERRIDES: Mapping[Tier, str] = MappingProxyType({})


Document = tuple[Source, dict[str, Any]]


def load_team(
    workspace_team: Path | None, *, model_overrides: Mapping[Tier, str] = _NO_OVERRIDES, checked: bool = True
) -> FileTeam:
    """The team of a workspace (None: the built-in one). A workspace with team files of its own is checked whole,
    so that a mistake in them shows now and not in the middle of a goal. Raises ConfigurationError."""
    team = FileTeam(built_in=BUILT_IN, workspace=workspace_team, model_overrides=model_overrides)
    if checked and team.has_own_files:
        team.validate(own_only=True)
    return team


class FileTeam:
    """`ports.Team` over folders. `workspace` is the workspace's `team/` folder, which need not exist."""

    def __init__(
        self, *, built_in: Path, workspace: Path | None = None, model_overrides: Mapping[Tier, str] = _NO_OVERRIDES
    ) -> None:
        self._built_in = built_in
        self._workspace = workspace
        self._overrides = dict(model_overrides)
        self._infos: dict[str, SkillInfo] = {}
        self._skills: dict[str, Skill] = {}

    def skill_names(self) -> Sequence[str]:
        """Every skill's name in alphabetical order; no file is opened."""
        return tuple(self._folders)

    def skill_info(self, name: str) -> SkillInfo:
        """UsageError for an unknown name."""
        if name in self._skills:
            return self._skills[name].info
        if name not in self._infos:
            self._infos[name] = self._wired(read_info(self._folder(name), self._squad_names))
        return self._infos[name]

    def skill(self, name: str) -> Skill:
        """UsageError for an unknown name."""
        if name not in self._skills:
            skill = read_skill(self._folder(name), self._squad_names)
            self._skills[name] = replace(skill, info=self._wired(skill.info))
        return self._skills[name]

    def squads(self) -> Sequence[Squad]:
        """In the order their work usually follows."""
        return self._squads

    def pipelines(self) -> Sequence[Pipeline]:
        """The built-in ones first, each replaced in its place by a namesake of the workspace."""
        return self._pipelines

    def find_pipeline(self, name: str) -> Pipeline:
        """By name or alias, whatever the case. UsageError naming the nearest for an unknown one."""
        wanted = " ".join(name.split()).casefold()
        by_name = {known.casefold(): pipe for pipe in self._pipelines for known in (pipe.name, *pipe.aliases)}
        if wanted in by_name:
            return by_name[wanted]
        near = difflib.get_close_matches(wanted, by_name, n=1)
        hint = f"did you mean {by_name[near[0]].name!r}?" if near else "choose one of these"
        msg = f"no pipeline {name!r}; {hint} (all: {', '.join(pipe.name for pipe in self._pipelines)})"
        raise UsageError(msg)

    def gates(self) -> Gates:
        """What happens with each kind of question."""
        return self._gates

    def house_rules(self) -> str:
        return self._house_rules

    def model(self, tier: Tier) -> ModelSpec:
        """ConfigurationError for a model without a price: it must never be called as if it were free."""
        model_id = self._overrides.get(tier) or self._models.tiers.get(tier)
        if model_id is None:
            msg = f"no model for the tier {tier.value!r}: name one under [tiers] in team/models.toml"
            raise ConfigurationError(msg)
        specs = self._models.specs
        if model_id not in specs:
            msg = (
                f"model {model_id!r} has no price, so it cannot be called: add it to team/models.toml in the "
                f"workspace; {suggest(model_id, specs)}"
            )
            raise ConfigurationError(msg)
        return specs[model_id]

    def raw(self, name: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """A YAML file such as `routing.yaml` as plain data: the built-in one, and the workspace's or None."""
        built_in, own = self._documents(name)
        return built_in[1], own[1] if own else None

    def where(self, name: str, loc: Sequence[str | int] = (), *, workspace: bool = False) -> str:
        """`team/routing.yaml:12`: where the value at `loc` of a YAML file stands, for error messages."""
        built_in, own = self._documents(name)
        return (own if workspace and own else built_in)[0].where(loc)

    def own_skills(self) -> Sequence[str]:
        """The names of the workspace's skill folders."""
        return tuple(name for name, folder in self._folders.items() if folder.own)

    def leave_out_broken(self, *, but: str) -> Sequence[str]:
        """Go on without the user's other skills that cannot be read, to look at this one; what is wrong with each."""
        wrong = []
        for name in [one for one in self.own_skills() if one != but]:
            try:
                read_skill(self._folder(name), self._squad_names)
            except ConfigurationError as exc:
                wrong.append(str(exc))
                del self._folders[name]
        return wrong

    def folder(self, name: str) -> SkillFolder:
        """Where a skill lies. UsageError for an unknown name."""
        return self._folder(name)

    @property
    def folders(self) -> Mapping[str, SkillFolder]:
        """Where every skill lies, by its name."""
        return self._folders

    @property
    def has_own_files(self) -> bool:
        """Whether the workspace changes the team at all."""
        return self._workspace is not None and bool(list_folder(self._workspace, _OWN_SHOWN))

    def validate(self, *, own_only: bool = False) -> None:
        """Read everything and check what only the whole team shows. Raises ConfigurationError for the first mistake.
        `own_only`: of the built-in skills just what their neighbours must know, as they have been checked before."""
        infos = {
            name: self.skill_info(name) if own_only and not folder.own else self.skill(name).info
            for name, folder in self._folders.items()
        }
        check_neighbours(self._folders, infos)
        for fault in need_faults(self._folders, infos, self._squad_names):
            raise fault
        check_no_circle(self._folders, infos, blame=self.own_skills())
        self.squads()
        self.pipelines()
        self.gates()
        self.house_rules()
        for tier in Tier:
            self.model(tier)

    def _wired(self, info: SkillInfo) -> SkillInfo:
        """With the user's skills that hand over to it among those it reads: plans are wired by upstream, and nobody
        should have to copy a built-in skill to name a new one in it."""
        givers = [name for name, takers in self._own_takers.items() if info.name in takers]
        return replace(info, upstream=tuple(dict.fromkeys((*info.upstream, *givers)))) if givers else info

    @cached_property
    def _own_takers(self) -> dict[str, tuple[str, ...]]:
        return {name: read_info(self._folder(name), self._squad_names).downstream for name in self.own_skills()}

    def _folder(self, name: str) -> SkillFolder:
        if name not in self._folders:
            msg = f"no skill {name!r}; {suggest(name, self._folders)}"
            raise UsageError(msg)
        return self._folders[name]

    @cached_property
    def _folders(self) -> dict[str, SkillFolder]:
        folders = skill_folders(self._built_in, _BUILT_IN_SHOWN, own=False)
        if self._workspace:
            folders |= skill_folders(self._workspace, _OWN_SHOWN, own=True)
        return dict(sorted(folders.items()))

    @cached_property
    def _squads(self) -> tuple[Squad, ...]:
        source, data = parse_yaml(*self._read("squads.yaml"))
        return source.check(SquadsFile, data).make()

    @property
    def _squad_names(self) -> tuple[str, ...]:
        return tuple(squad.name for squad in self._squads)

    @cached_property
    def _pipelines(self) -> tuple[Pipeline, ...]:
        (source, data), own = self._documents("pipelines.yaml")
        built_in = read_pipelines(source, data, skills=self._folders)
        if own is None:
            return built_in
        return overlay_pipelines(built_in, read_pipelines(*own, skills=self._folders), own[0])

    @cached_property
    def _gates(self) -> Gates:
        (source, data), own = self._documents(GATES_FILE)
        built_in = read_gates(source, data, USUAL_GATES, skills=self._folders)
        return read_gates(*own, built_in, skills=self._folders) if own is not None else built_in

    @cached_property
    def _house_rules(self) -> str:
        text, shown = self._read_own("house-rules.md") or self._read("house-rules.md")
        if not text.strip():
            msg = f"{shown}: the file is empty; write the rules, or delete it to use the built-in ones"
            raise ConfigurationError(msg)
        return text.strip()

    @cached_property
    def _models(self) -> Models:
        models = read_models(*parse_toml(*self._read("models.toml")))
        own = self._read_own("models.toml")
        return models.overlaid(read_models(*parse_toml(*own))) if own else models

    def _documents(self, name: str) -> tuple[Document, Document | None]:
        own = self._read_own(name)
        return parse_yaml(*self._read(name)), parse_yaml(*own) if own else None

    def _read(self, name: str) -> tuple[str, str]:
        """A built-in file's text and how messages name it."""
        shown = f"{_BUILT_IN_SHOWN}/{name}"
        return read_text(self._built_in / name, shown), shown

    def _read_own(self, name: str) -> tuple[str, str] | None:
        """The workspace's file of that name, when there is one."""
        path = self._workspace / name if self._workspace else None
        if path is None or not path.exists():
            return None
        shown = f"{_OWN_SHOWN}/{name}"
        return read_text(path, shown), shown
