"""What goes over the wire, for the OpenAPI document; bodies that come in are also checked with these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from marketeer.domain.errors import UsageError
from marketeer.domain.goal import MAX_DESCRIPTION_CHARS, Category, Priority
from marketeer.domain.submission import check_description
from marketeer.given import MAX_BUDGET_USD, MAX_INPUT_BYTES, text_inputs

T = TypeVar("T")

NO_NUL = r"^[^\x00]*$"
# Something to read; what Python takes for space is more than what regular expressions do.
SOMETHING = r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$"
# The same without control characters but line ends and tabs.
_WORD = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
WORDS = rf"^{_WORD}*[^\s\x00-\x1f\x7f-\x9f]{_WORD}*$"


class Wrong(BaseModel):
    """One field of the body."""

    field: str
    problem: str


class Problem(BaseModel):
    """Every answer that is no success."""

    error: str = Field(description="What is wrong and what to do, in one line.")
    fields: list[Wrong] | None = Field(None, description="Every wrong field, where the body is at fault.")
    valid_types: list[str] | None = Field(None, description="The types an event may have, where its type is wrong.")


class EventReceipt(BaseModel):
    """What became of an event."""

    id: str
    status: str = Field(description="owed: it takes effect within moments; or how it was decided.")
    duplicate: bool = Field(description="Whether an event with this id was taken before; it takes effect once.")
    differs: bool = Field(description="Whether that one said something else. This one is then not kept.")
    effect: list[str] = Field(description="In words: what it does or did, and if nothing, why.")
    goals: list[str] = Field(description="The ids of the goals it has started.")


class InputText(BaseModel):
    """Material the goal works from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=200, pattern=NO_NUL, description="Such as notes.md.")
    text: str = Field(pattern=SOMETHING, description=f"At most {MAX_INPUT_BYTES:,} bytes.")

    @field_validator("text")
    @classmethod
    def _fits(cls, text: str) -> str:
        _or_wrong(lambda: text_inputs([("text", text)]))
        return text


class GoalRequest(BaseModel):
    """What `marketeer start` takes. Validated with the names of the pipelines as context."""

    model_config = ConfigDict(extra="forbid", strict=True)

    goal: str | None = Field(
        None,
        description="What you want. May be left out when a pipeline is named.",
        json_schema_extra={"maxLength": MAX_DESCRIPTION_CHARS, "pattern": WORDS},
    )
    pipeline: str | None = Field(None, description="Plan by this template.")
    category: Annotated[Category | None, Field(strict=False)] = None
    priority: Annotated[Priority | None, Field(strict=False)] = None
    budget: float | None = Field(
        None, ge=0, le=MAX_BUDGET_USD, allow_inf_nan=False, description="The most it may cost, in US dollars."
    )
    inputs: list[InputText] = Field(default_factory=list, max_length=50)
    rehearse: bool = Field(False, description="Run offline and free with the built-in model.")

    @field_validator("goal")
    @classmethod
    def _is_a_goal(cls, goal: str | None) -> str | None:
        return None if goal is None else _or_wrong(lambda: check_description(goal))

    @field_validator("pipeline")
    @classmethod
    def _is_a_pipeline(cls, name: str | None, info: ValidationInfo) -> str | None:
        names: Sequence[str] = info.context or ()
        if name is not None and name not in names:
            msg = f"no pipeline {name[:100]!r}; there are: {', '.join(names)}"
            raise _wrong(msg)
        return name

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.goal is None and self.pipeline is None:
            msg = "give a goal, or the name of a pipeline"
            raise _wrong(msg)
        return self


def _or_wrong(check: Callable[[], T]) -> T:
    try:
        return check()
    except UsageError as exc:
        raise _wrong(str(exc)) from exc


def _wrong(why: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{why}", {"why": why})


class GoalDocument(BaseModel):
    """The document of `marketeer show GOAL --json`."""

    model_config = ConfigDict(extra="allow")

    goal_id: str
    status: str
    description: str
    rehearsal: bool
    phases: list[dict[str, Any]]
    cost_usd: float
    created_at: str


class StatusDocument(BaseModel):
    """The document of `marketeer status --json`."""

    goals: list[dict[str, Any]]
    approvals: list[dict[str, Any]]
    spend: dict[str, Any]
    conditions: list[dict[str, Any]]
    worker: dict[str, Any] | None


class HealthDocument(BaseModel):
    """The level; with the token the whole of `marketeer health --json`."""

    level: str
    effect: str | None = None
    components: list[dict[str, Any]] | None = None
    paused: dict[str, Any] | None = None
