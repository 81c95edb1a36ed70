"""Lists held against a contract: how many items, of what form, behind which text, how wide."""

from __future__ import annotations

import re
from collections.abc import Iterator

from marketeer.domain.contract import ListOf
from marketeer.domain.contract_platforms import google_width
from marketeer.domain.contract_scope import ROWS_SHOWN, Scope
from marketeer.domain.contract_values import Problem, bare, shown
from marketeer.domain.markdown import ListBlock, key, plain, same
from marketeer.domain.review import Finding

_FIELD_ITEM = re.compile(r"^(?:\*\*|__)([^*]{1,120}?)(?::\s*(?:\*\*|__)|(?:\*\*|__)\s*:)")
_ITEM_NOTE = re.compile(r"\s*(?:[(\[][^)\]]*[)\]]|[|·–—-]\s*\d+[^|]*)\s*$")


def list_findings(scope: Scope, check: ListOf) -> Iterator[Finding]:
    lists = _introduced(scope.part.lists, check.after) if check.after else scope.part.lists
    where = f" after {check.after!r}" if check.after else ""
    candidates = [items for items in (_items(scope, block) for block in lists) if items]
    if not candidates:
        wanted = f"a list of at least {check.min_items}{where}"
        yield scope.finding(check.severity, f"there is no list{where}", wanted)
        return
    # A list broken in two by a remark is still the list that was asked for.
    if not check.after and len(candidates) > 1:
        candidates.append([item for items in candidates for item in items])
    problems = min((list(_list_problems(scope, check, items)) for items in candidates), key=len)
    for problem in problems:
        yield scope.finding(check.severity, f"the list{where} {problem.found}", problem.wanted)


def _introduced(lists: tuple[ListBlock, ...], after: str) -> list[ListBlock]:
    """The lists behind that text, the best match first, others only when there is none better."""
    wanted = key(after)

    def rank(block: ListBlock) -> int:
        before = key(block.before)
        if before == wanted:
            return 0
        if re.match(rf"(?:\d+[.)]\s+)?{re.escape(wanted)}(?!\w)", before):
            return 1
        return 2 if re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", before) else 3

    ranked = sorted(lists, key=rank)
    best = rank(ranked[0]) if ranked else 3
    return [block for block in ranked if rank(block) == best] if best < 3 else []


def _items(scope: Scope, block: ListBlock) -> list[str]:
    def is_field(item: str) -> bool:
        found = _FIELD_ITEM.match(item)
        return found is not None and key(found[1]) in scope.labels

    return [item for item in block.items if item and not is_field(item)]


def _list_problems(scope: Scope, check: ListOf, items: list[str]) -> Iterator[Problem]:
    excused = any(scope.excuses(item) for item in items)
    if len(items) < check.min_items and not excused:
        yield Problem(f"has {len(items)} items", f"at least {check.min_items}")
    if check.max_items is not None and len(items) > check.max_items:
        yield Problem(f"has {len(items)} items", f"at most {check.max_items}")
    if check.max_width is not None:
        yield from _too_wide(items, check.max_width)
    if check.unique:
        texts = [key(ad_text(item)) for item in items]
        twice = list(dict.fromkeys(item for item, text in zip(items, texts, strict=True) if texts.count(text) > 1))
        if twice:
            yield Problem(f"repeats {', '.join(map(shown, twice[:ROWS_SHOWN]))}", "every item only once")
    if check.pattern is None:
        return
    pattern = re.compile(check.pattern)
    bad = [
        item
        for item in items
        if not scope.excuses(item) and not any(pattern.search(text) for text in (item, bare(item), same(item)))
    ]
    if bad:
        found = f"holds {', '.join(map(shown, bad[:ROWS_SHOWN]))}"
        yield Problem(found, f"every item to match `{check.pattern}`" + (f" ({check.hint})" if check.hint else ""))


def _too_wide(items: list[str], most: int) -> Iterator[Problem]:
    long = [(text, google_width(text)) for text in map(ad_text, items) if google_width(text) > most]
    if long:
        found = ", ".join(f"{shown(text)} with {width}" for text, width in long[:ROWS_SHOWN])
        yield Problem(f"holds {found} characters", f"at most {most} in each item")


def ad_text(item: str) -> str:
    """The text of an item without a label, quotes, a provenance tag or a count behind it."""
    text = _ITEM_NOTE.sub("", bare(item))
    text = re.sub(r"^(?:[HDS]?\d{1,2}[.):]\s+|\*\*[^*]{1,20}:?\*\*:?\s+)", "", text)
    return plain(text).strip("\"'\u201c\u201d\u2018\u2019 ")
