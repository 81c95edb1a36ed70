"""What goes over the wire, for the OpenAPI document; bodies that come in are also checked with these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


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

    name: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=1_000_000)


class GoalRequest(BaseModel):
    """What `marketeer start` takes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    goal: str | None = Field(None, description="What you want. May be left out when a pipeline is named.")
    pipeline: str | None = Field(None, description="Plan by this template.")
    category: str | None = None
    priority: str | None = Field(None, description="P0, P1, P2 or P3.")
    budget: Annotated[float | int | str | None, Field(description="The most it may cost, in US dollars.")] = None
    inputs: list[InputText] = Field(default_factory=list, max_length=50)
    rehearse: bool = Field(False, description="Run offline and free with the built-in model.")


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
