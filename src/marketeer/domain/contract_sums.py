"""Sums written out in the text: `412 x $49 = $20,188` is worked out again."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator

from marketeer.domain.contract_calc import number_words
from marketeer.domain.contract_figures import NUMBER, amount, masked
from marketeer.domain.contract_tags import TAG
from marketeer.domain.contract_units import Form, units
from marketeer.domain.contract_values import shown
from marketeer.domain.markdown import Outline, same
from marketeer.domain.review import Finding, Severity

_MONEY = "[$\u20ac\u00a3\u00a5]?"
_TERM = rf"\(*\s*{_MONEY}\s?{NUMBER}\s?%?\s*\)*"
# At least one operator; nothing but numbers, operators and brackets up to the equals sign.
_SUM = re.compile(
    rf"(?<![\w.,$/^=*+\u00d7-])(?P<left>{_TERM}(?:\s*(?:[x\u00d7*/\u00f7+]|\s-\s|\s\u2212\s)\s*{_TERM})+)\s*=\s*"
    rf"(?P<right>[-\u2212]?\s?{_MONEY}\s?{NUMBER}\s?%?)(?!\s?[x\u00d7*/\u00f7^]|\d)"
)
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_NEAR = 0.02


def sums(outline: Outline) -> Iterator[Finding]:
    """Sums that do not come out."""
    for unit in units(outline.text):
        if unit.form is Form.BLOCK or "=" not in unit.text:
            continue
        for text in unit.cells or (unit.text,):
            for match in _SUM.finditer(same(masked(TAG.sub(" ", text)))):
                result = _worked_out(match["left"])
                if result is not None and not _fits(result, match["right"]):
                    found = f"the sum {shown(match[0])} does not come out"
                    yield Finding(
                        section=unit.section, severity=Severity.MAJOR, found=found, wanted=number_words(result)
                    )


def _worked_out(text: str) -> float | None:
    plain = re.sub(r"[$\u20ac\u00a3\u00a5]", "", text)
    plain = re.sub(rf"({NUMBER})\s?%", lambda found: f"({amount(found[1])} / 100)", plain)
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
    plain = plain.replace("\u00d7", "*").replace("x", "*").replace("\u00f7", "/").replace("\u2212", "-")
    try:
        return _value(ast.parse(plain.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError):
        return None


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case _:
            raise ValueError(node)


def _fits(result: float, written: str) -> bool:
    """Whether the written result is the real one, rounded or in percent."""
    value = amount(re.sub(r"[-\u2212$\u20ac\u00a3\u00a5\s]", "", written.rstrip("% ")))
    options = {abs(result), abs(result) * 100} if "%" in written else {abs(result)}
    return any(abs(value - option) <= max(_NEAR * option, 0.5 if option >= 10 else 0.05) for option in options)
