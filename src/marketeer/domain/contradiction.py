"""A contradiction: the same named thing with two values, in an output and in what was there before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CONTEXT = "the product context"
GOAL = "the goal"
# How the reason of a task begins that was made because of one: none is made twice.
TO_AGREE = "so that the outputs agree: "


class Topic(StrEnum):
    PRICE = "price"
    TRIAL = "trial"
    PROMISE = "promise"
    OFFER = "offer"
    DATE = "date"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One approved output, and the name by which a contradiction calls it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outputs of a goal, in the order in which they were made, and what they are held against."""

    outputs: tuple[Output, ...]
    context: str = ""
    goal: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """`later` says something else than `earlier`, which is an output's name, CONTEXT or GOAL. `about` is the thing."""

    topic: Topic
    about: str
    earlier: str
    earlier_says: str
    earlier_quote: str
    later: str
    later_says: str
    later_quote: str
    section: str = ""

    def line(self) -> str:
        """One readable line with both quotes."""
        return (
            f'{self.about}: {self.later} says {self.later_says} ("{self.later_quote}"), '
            f'{self.earlier} says {self.earlier_says} ("{self.earlier_quote}")'
        )
