"""No error is swallowed: whoever catches one raises, logs it, tells somebody, or has a reason not to.

Read from the source itself. A handler is one function's `except` (or `suppress`) for some types; each must do one of:

- raise, this error or a better one;
- log it, or hand it on: the error's name is used in the handler for more than a test of it;
- be listed in `silent_handlers.toml`, as `file:function:types`, with the reason why silence is right there.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import marketeer

SOURCE = Path(marketeer.__file__).parent
LOGGING = frozenset({"debug", "info", "warning", "error", "exception"})

ALLOWED: dict[str, str] = tomllib.loads((Path(__file__).parent / "silent_handlers.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One place that catches. `body` is what it does about it, empty for a `suppress`."""

    key: str
    line: int
    name: str | None
    body: tuple[ast.stmt, ...]

    @property
    def speaks(self) -> bool:
        return any(self._is_heard(node) for statement in self.body for node in ast.walk(statement))

    def _is_heard(self, node: ast.AST) -> bool:
        match node:
            case ast.Raise():
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)):
                return method in LOGGING
            case ast.Name(id=name):
                return self.name is not None and name == self.name
            case _:
                return False


def handlers_in(path: Path) -> Iterator[Handler]:
    place = path.relative_to(SOURCE).as_posix()
    yield from _within(ast.parse(path.read_text(encoding="utf-8")), place, "module")


def _within(node: ast.AST, place: str, function: str) -> Iterator[Handler]:
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        match child:
            case ast.ExceptHandler():
                types = _types(child.type)
                key = f"{place}:{inner}:{types}"
                yield Handler(key=key, line=child.lineno, name=child.name, body=tuple(child.body))
            case ast.With() | ast.AsyncWith():
                yield from _suppressions(child, place, inner)
        yield from _within(child, place, inner)


def _suppressions(block: ast.With | ast.AsyncWith, place: str, function: str) -> Iterator[Handler]:
    for item in block.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("suppress"):
            types = ", ".join(ast.unparse(argument) for argument in call.args)
            yield Handler(key=f"{place}:{function}:{types}", line=block.lineno, name=None, body=())


def _types(node: ast.expr | None) -> str:
    if node is None:
        return "everything"
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return ", ".join(ast.unparse(part) for part in parts)


FILES = sorted(SOURCE.rglob("*.py"))
SILENT = {handler.key: handler for path in FILES for handler in handlers_in(path) if not handler.speaks}


def test_whoever_catches_an_error_raises_logs_or_hands_it_on_or_has_a_reason_not_to() -> None:
    unexplained = [f"{handler.key} (line {handler.line})" for key, handler in SILENT.items() if key not in ALLOWED]
    assert unexplained == [], (
        "raise, log or hand on the error, or add the handler to silent_handlers.toml with the reason"
    )


def test_every_reason_in_the_list_is_still_needed() -> None:
    assert sorted(ALLOWED.keys() - SILENT.keys()) == []
    assert all(len(reason.split()) >= 4 for reason in ALLOWED.values())


@pytest.mark.parametrize(
    ("code", "speaks"),
    [
        ("raise", True),
        ("raise ValueError from None", True),
        ("log.warning('lost', error=str(exc))", True),
        ("log.exception('lost')", True),
        ("return Failed(error=str(exc))", True),
        ("pass", False),
        ("return None", False),
        ("print('hm')", False),
        ("continue", False),
    ],
)
def test_what_counts_as_silence(tmp_path: Path, code: str, speaks: bool) -> None:
    source = f"def f():\n  while True:\n    try:\n      g()\n    except OSError as exc:\n      {code}\n"
    (handler,) = _within(ast.parse(source), "x.py", "module")
    assert (handler.key, handler.speaks) == ("x.py:f:OSError", speaks)
