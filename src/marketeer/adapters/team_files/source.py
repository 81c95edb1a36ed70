"""One team file as text: parsed strictly, with errors that name the file, the line and the remedy.

Values are plain data until a pydantic model has checked them. Lines are looked up only once something is wrong.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from marketeer.domain.errors import ConfigurationError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML built without libyaml: slower, same result
    from yaml import SafeLoader  # type: ignore[assignment]

MAX_FILE_BYTES = 1_000_000
_SHOWN_CHARS = 60

Loc = Sequence[str | int]
Model = TypeVar("Model", bound=BaseModel)


class TeamFileError(ConfigurationError):
    """One mistake in one file. `line` is None when the whole file is meant; `what` includes the remedy."""

    def __init__(self, file: str, line: int | None, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}" if line else f"{file}: {what}")
        self.file = file
        self.line = line
        self.what = what


class Strict(BaseModel):
    """Base of what team files may hold: an unknown key is an error that names the nearest valid one."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    raise _unknown(key, known)
        return data


def wrong(message: str, *at: str | int) -> PydanticCustomError:
    """What a validator raises: the whole message, remedy included, and where in its model the fault lies."""
    return PydanticCustomError("wrong", "{message}", {"at": at, "message": message})


def _unknown(key: object, known: Collection[str]) -> PydanticCustomError:
    return PydanticCustomError("unknown_key", "{message}", {"key": str(key), "message": suggest(key, known)})


def suggest(word: object, known: Collection[str]) -> str:
    """`did you mean 'x'?`, or every valid name when none comes near."""
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's text and how messages name it. `first_line` is where the text starts within its file."""

    text: str
    shown: str
    find_line: Callable[[str, Loc], int]
    first_line: int = 1

    def where(self, loc: Loc) -> str:
        """`team/pipelines.yaml:12` for the value at `loc`, or the nearest one above it that exists."""
        return f"{self.shown}:{self.line(loc)}"

    def line(self, loc: Loc) -> int:
        return self.find_line(self.text, loc) + self.first_line - 1

    def error(self, loc: Loc, message: str) -> TeamFileError:
        return TeamFileError(self.shown, self.line(loc), _one_line(message))

    def check(self, model: type[Model], data: object) -> Model:
        """`data` as `model`. Raises ConfigurationError for the first thing wrong, counting the rest."""
        try:
            return model.model_validate(data)
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            loc, message = _explain(errors[0])
            raise self.error(loc, message + more) from exc

    def faults(self, model: type[BaseModel], data: object) -> list[TeamFileError]:
        """Everything wrong with `data` as `model`, from top to bottom."""
        rest, found = deepcopy(data), list[TeamFileError]()
        errors = _errors(model, rest)
        # An unknown key hides what else is wrong in its block, so it is told, taken out, and the rest looked at again.
        while unknown := [error for error in errors if error["type"] == "unknown_key"]:
            found += [self.error(*_explain(error)) for error in unknown]
            if not all(_taken_out(rest, [*error["loc"], error["ctx"]["key"]]) for error in unknown):
                break
            errors = _errors(model, rest)
        found += [self.error(*_explain(error)) for error in errors if error["type"] != "unknown_key"]
        return sorted(found, key=lambda fault: fault.line or 0)


def _errors(model: type[BaseModel], data: object) -> list[ErrorDetails]:
    try:
        model.model_validate(data)
    except ValidationError as exc:
        return exc.errors(include_url=False)
    return []


def _taken_out(data: Any, loc: Loc) -> bool:
    """Remove the entry at `loc`. False when there is none."""
    try:
        for part in loc[:-1]:
            data = data[part]
        del data[loc[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def read_text(path: Path, shown: str) -> str:
    """The file's text. Raises ConfigurationError when it is missing, unreadable, too large or not UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as exc:
        msg = "the file is missing; add it (docs/skill-format.md says what belongs in it)"
        raise TeamFileError(shown, None, msg) from exc
    except OSError as exc:
        msg = f"cannot be read ({exc.strerror}); check the file's type and permissions"
        raise TeamFileError(shown, None, msg) from exc
    if len(raw) > MAX_FILE_BYTES:
        msg = f"{len(raw)} bytes is too large; keep team files under {MAX_FILE_BYTES}"
        raise TeamFileError(shown, None, msg)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        msg = "not UTF-8 text; save the file as UTF-8"
        raise TeamFileError(shown, line, msg) from exc


def list_folder(path: Path, shown: str) -> list[Path]:
    """What lies in a folder, hidden entries left out; nothing when there is no such folder."""
    try:
        return [entry for entry in path.iterdir() if not entry.name.startswith(".")] if path.is_dir() else []
    except OSError as exc:
        msg = f"cannot be read ({exc.strerror}); check the folder's permissions"
        raise TeamFileError(shown, None, msg) from exc


def parse_yaml(text: str, shown: str, *, first_line: int = 1) -> tuple[Source, dict[str, Any]]:
    """The document's keys and values. Raises ConfigurationError for a syntax error or anything but a mapping."""
    source = Source(text=text, shown=shown, find_line=_yaml_line, first_line=first_line)
    try:
        data = yaml.load(text, Loader=_Yaml)  # noqa: S506 (a subclass of the safe loader)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line if exc.problem_mark else 0
        msg = f"{_one_line(exc.problem or 'not valid YAML')}; correct the YAML here"
        raise TeamFileError(shown, line + first_line, msg) from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        msg = f"not valid YAML ({_one_line(str(exc)) or 'nested too deeply'}); correct the file"
        raise TeamFileError(shown, None, msg) from exc
    if data is None:
        return source, {}
    if not isinstance(data, dict):
        msg = "must be a block of `key: value` lines; see docs/skill-format.md"
        raise source.error((), msg)
    return source, data


def parse_toml(text: str, shown: str) -> tuple[Source, dict[str, Any]]:
    """The document's keys and values, numbers with a point as Decimal."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        at = re.search(r" \(at line (\d+), column \d+\)", str(exc))
        line = int(at[1]) if at else text.count("\n") + 1
        problem = re.sub(r" \(at [^)]*\)", "", str(exc)) or "nested too deeply"
        msg = f"{_one_line(problem)}; correct the TOML here"
        raise TeamFileError(shown, line, msg) from exc
    return Source(text=text, shown=shown, find_line=_toml_line), data


class _Yaml(SafeLoader):
    """Safe YAML that reads plain words as people mean them: `yes`, `06:00`, `010` and `2026-01-01` are texts.

    A key that stands twice is an error; PyYAML would keep the last one silently.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own name)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value!r} stands twice in one block"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Yaml.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _yaml_line(text: str, loc: Loc) -> int:
    node = yaml.compose(text, Loader=_Yaml)
    line = node.start_mark.line if node else 0
    for part in loc:
        found = _child(node, part)
        if found is None:  # a missing key: the block it is missing from stands for it
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    return None


def _toml_line(text: str, loc: Loc) -> int:
    """tomllib keeps no positions: look for the table, then for the first key below it."""
    lines, at = text.splitlines(), 0
    for index, part in enumerate(loc):
        if isinstance(part, int):
            headers = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{loc[index - 1]}\s*\]\]", line)]
            at = headers[part] if part < len(headers) else at
        else:
            key = re.compile(rf"\s*(?:\[\[?\s*)?[\"']?{re.escape(part)}\b")
            at = next((n for n in range(at, len(lines)) if key.match(lines[n])), at)
    return at + 1


def _explain(error: ErrorDetails) -> tuple[Loc, str]:
    """Where the fault lies and what to say of it."""
    context: dict[str, Any] = error.get("ctx") or {}
    loc, kind = list(error["loc"]), error["type"]
    if kind == "unknown_key":
        inside = next((f" in {part}" for part in reversed(loc) if isinstance(part, str)), "")
        return [*loc, context["key"]], f"unknown key {context['key']!r}{inside}; {context['message']}"
    if kind == "wrong":
        return [*loc, *context["at"]], context["message"]
    name = _dotted(loc)
    if kind == "missing":
        return loc, f"{name} is missing; add it"
    shown = repr(error["input"])
    shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}..."
    return loc, f"{name} is {shown}; {_wanted(error, context)}"


def _wanted(error: ErrorDetails, context: dict[str, Any]) -> str:
    kind = error["type"]
    if kind in ("enum", "literal_error"):
        return f"it must be {context['expected']}"
    return {
        "string_type": "it must be a text (put numbers, true and false in quotes)",
        "string_too_short": "it must not be empty",
        "int_type": "it must be a whole number",
        "int_parsing": "it must be a whole number",
        "float_type": "it must be a number",
        "bool_type": "it must be true or false",
        "tuple_type": "it must be a list",
        "too_short": "it needs at least one entry",
        "model_type": "it must be a block of keys",
        "model_attributes_type": "it must be a block of keys",
    }.get(kind, error["msg"].replace("Input should be", "it must be").replace("Value error, ", ""))


def _dotted(loc: Loc) -> str:
    """`sections[2].heading`, entries counted from 1 as people do."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or "the file"


def _one_line(text: str) -> str:
    return " ".join(text.split())
