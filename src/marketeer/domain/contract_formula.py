"""Formulas in contracts: a small language to recompute a number or to state a rule. It reaches only the document.

The syntax is Python's for numbers, texts, `+ - * / **`, comparisons, `and`, `or`, `not`, `x if y else z` and calls;
every other construct is refused when the contract is loaded. A name is a column or a label in snake_case. Values are
the texts as they stand in the document: arithmetic reads the number in them. What cannot be known is None, and so is
everything that depends on it: a rule whose values are unknown is not judged.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

from marketeer.domain.contract_functions import FUNCTIONS
from marketeer.domain.contract_quantities import Value, compare, number_of
from marketeer.domain.markdown import key

MAX_CHARS = 600
MAX_POWER = 20.0
# Functions that look into the document, with how many arguments they take.
LOOKUPS = {
    "cells": (2, 2),
    "cell": (3, 4),
    "field": (1, 2),
    "rows": (1, 1),
    "titles": (1, 1),
    "items": (1, 2),
    "block": (1, 1),
    "blocks": (1, 2),
    "text": (0, 1),
    "title": (0, 0),
    "bodies": (1, 1),
    "copy_of": (1, 1),
    "weighted": (3, 3),
    "source": (1, 1),
    "context": (0, 0),
}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.Call,
    ast.Name,
    ast.Constant,
    ast.IfExp,
    ast.Load,
    ast.And,
    ast.Or,
    ast.Not,
    ast.USub,
    *_OPERATORS,
    *_COMPARISONS,
)
_SNAKE = re.compile(r"[^a-z0-9]+")


class FormulaError(ValueError):
    """Why a text is no formula, and what to do."""


class Lookup(Protocol):
    """What a formula can see: the names around it, and the rest of the document."""

    def name(self, identifier: str) -> Value:
        """The text of the column or field of that name; None when there is none."""

    def look(self, function: str, arguments: tuple[Value, ...]) -> Value:
        """The answer of one of LOOKUPS; None when it cannot be told."""


def snake(name: str) -> str:
    """How a formula names a column or a label: `Invites each` is invites_each, `#` is number."""
    text = _SNAKE.sub("_", key(name.replace("#", "number"))).strip("_")
    return f"_{text}" if text[:1].isdigit() else text


@lru_cache(maxsize=512)
def parse_formula(text: str) -> ast.expr:
    """The formula as a tree. Raises FormulaError."""
    if len(text) > MAX_CHARS:
        msg = f"the formula has {len(text)} characters; write it with at most {MAX_CHARS}"
        raise FormulaError(msg)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        msg = f"{text!r} is not a formula ({getattr(exc, 'msg', exc)}); see docs/skill-format.md"
        raise FormulaError(msg) from exc
    for node in ast.walk(tree):
        _check_node(node, text)
    return tree.body


def _check_node(node: ast.AST, text: str) -> None:
    if not isinstance(node, _NODES):
        msg = f"{type(node).__name__} in {text!r} is not part of the formula language; see docs/skill-format.md"
        raise FormulaError(msg)
    if isinstance(node, ast.Constant) and (
        isinstance(node.value, bool) or not isinstance(node.value, str | int | float)
    ):
        msg = f"{node.value!r} in {text!r} is neither a number nor a text"
        raise FormulaError(msg)
    if isinstance(node, ast.Call):
        _check_call(node, text)


def _check_call(node: ast.Call, text: str) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS and name not in LOOKUPS:
        known = ", ".join(sorted({*FUNCTIONS, *LOOKUPS}))
        msg = f"there is no function {name!r}; choose one of {known}"
        raise FormulaError(msg)
    low, high = LOOKUPS[name] if name in LOOKUPS else FUNCTIONS[name].arity
    if node.keywords or not low <= len(node.args) <= high:
        count = str(low) if low == high else f"{low} to {high}"
        msg = f"{name!r} in {text!r} takes {count} plain arguments"
        raise FormulaError(msg)


def names_in(text: str) -> Iterator[str]:
    """The columns and labels a formula names."""
    functions = set(FUNCTIONS) | set(LOOKUPS)
    for node in ast.walk(parse_formula(text)):
        if isinstance(node, ast.Name) and node.id not in functions:
            yield node.id


def texts_in(text: str) -> Iterator[str]:
    """The texts a formula writes out."""
    for node in ast.walk(parse_formula(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def headings_in(text: str) -> Iterator[str]:
    """The section headings a formula names: the first argument of the lookups that take one."""
    for node in ast.walk(parse_formula(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        takes = node.func.id in ("cells", "cell", "rows", "titles", "bodies", "weighted", "items") or (
            node.func.id in ("field", "blocks") and len(node.args) == LOOKUPS[node.func.id][1]
        )
        first = node.args[0] if takes and node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def evaluate(text: str, lookup: Lookup) -> Value:
    """The formula's value; None when something it needs is not known. Never raises for a formula that parses."""
    return _Evaluation(lookup).of(parse_formula(text))


class _Evaluation:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def of(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=str() | int() | float() as value):
                return value if isinstance(value, str) else float(value)
            case ast.Name(id=name):
                return self._lookup.name(name)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, tuple(self.of(one) for one in args))
            case ast.BinOp(left=left, op=op, right=right):
                return _arithmetic(_OPERATORS[type(op)], self.of(left), self.of(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _arithmetic(operator.sub, 0.0, self.of(operand))
            case ast.UnaryOp(operand=operand):
                truth = self.of(operand)
                return None if truth is None else not truth
            case ast.BoolOp(op=op, values=values):
                return _joined([self.of(one) for one in values], decisive=isinstance(op, ast.Or))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(left, ops, others)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                truth = self.of(test)
                return None if truth is None else self.of(body if truth else orelse)
            case _:
                return None

    def _call(self, name: str, arguments: tuple[Value, ...]) -> Value:
        if name in LOOKUPS:
            return self._lookup.look(name, arguments)
        try:
            return FUNCTIONS[name].call(*arguments)
        except (ArithmeticError, ValueError):
            return None

    def _compared(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Value:
        values = [self.of(left), *(self.of(other) for other in others)]
        pairs = zip(values, ops, values[1:], strict=False)
        return _joined([compare(type(op).__name__, one, other) for one, op, other in pairs], decisive=False)


def _joined(truths: list[Value], *, decisive: bool) -> Value:
    """`or` (decisive True) and `and` (False) over truths of which some are unknown."""
    if any(truth is not None and bool(truth) is decisive for truth in truths):
        return decisive
    return None if None in truths else not decisive


def _arithmetic(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Lists are worked on member by member, a list and a number likewise."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _memberwise(operation, left, right)
    one, other = number_of(left), number_of(right)
    if one is None or other is None or (operation is operator.pow and abs(other) > MAX_POWER):
        return None
    try:
        result = operation(one, other)
    except (ArithmeticError, ValueError):
        return None
    # A negative base and a broken exponent make a complex number.
    return float(result) if isinstance(result, int | float) else None  # type: ignore[redundant-expr]


def _memberwise(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    size = len(left) if isinstance(left, tuple) else len(right) if isinstance(right, tuple) else 0
    lefts = left if isinstance(left, tuple) else (left,) * size
    rights = right if isinstance(right, tuple) else (right,) * size
    if len(lefts) != len(rights):
        return None
    return tuple(_arithmetic(operation, one, other) for one, other in zip(lefts, rights, strict=True))
