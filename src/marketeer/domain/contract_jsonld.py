"""schema.org markup as Google reads it: what each type requires, and the form of its values, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CONTEXTS = ("https://schema.org", "https://schema.org/", "http://schema.org", "http://schema.org/")
MAX_NODES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """Paths that must be there; of each group in `one_of`, one is enough."""

    all_of: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()


REQUIRED: Mapping[str, Required] = {
    "SoftwareApplication": Required(all_of=("name", "offers.price"), one_of=(("aggregateRating", "review"),)),
    "WebApplication": Required(all_of=("name", "offers.price"), one_of=(("aggregateRating", "review"),)),
    "MobileApplication": Required(all_of=("name", "offers.price"), one_of=(("aggregateRating", "review"),)),
    "Product": Required(all_of=("name",), one_of=(("review", "aggregateRating", "offers"),)),
    "AggregateRating": Required(all_of=("ratingValue",), one_of=(("ratingCount", "reviewCount"),)),
    "Review": Required(all_of=("author", "reviewRating.ratingValue")),
    "WebSite": Required(all_of=("name", "url")),
    "BreadcrumbList": Required(all_of=("itemListElement",)),
    "Event": Required(all_of=("name", "startDate", "location")),
    "VideoObject": Required(all_of=("name", "thumbnailUrl", "uploadDate")),
    "LocalBusiness": Required(all_of=("name", "address")),
    "JobPosting": Required(all_of=("title", "description", "datePosted", "hiringOrganization", "jobLocation")),
}
_URLS = frozenset(
    {"url", "logo", "image", "sameas", "item", "contenturl", "thumbnailurl", "embedurl", "mainentityofpage", "@id"}
)
_DATES = re.compile(r"(?:^date|Date$|^startDate|^endDate|validThrough|uploadDate|priceValidUntil)")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_RELATIVE = re.compile(r"(?:/|\.{1,2}/|www\.|http://)")


def markup_problems(data: object) -> Iterator[tuple[str, str]]:
    """What is wrong with parsed markup: (found, wanted)."""
    roots = data if isinstance(data, list) else [data]
    for root in roots[:50]:
        if not isinstance(root, dict):
            yield "is not a JSON object", "an object with @context and @type or @graph"
            continue
        yield from _head(root)
        for count, node in enumerate(_nodes(root)):
            if count > MAX_NODES:
                return
            yield from _node(node)


def _head(root: dict[str, object]) -> Iterator[tuple[str, str]]:
    context = root.get("@context")
    known = context if isinstance(context, list) else [context]
    if not any(isinstance(one, str) and one in CONTEXTS for one in known):
        yield f"has the @context {context!r}", "https://schema.org"
    if "@type" not in root and "@graph" not in root:
        yield "has neither @type nor @graph", "one of them"


def _nodes(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    if depth > 30:
        return
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _nodes(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _nodes(one, depth + 1)


def _node(node: dict[str, object]) -> Iterator[tuple[str, str]]:
    kind = node.get("@type")
    # A node that only points to another one by its @id is described there.
    if not set(node) <= {"@type", "@id"}:
        for name in kind if isinstance(kind, list) else [kind]:
            if isinstance(name, str):
                yield from _required(node, name)
    for name, value in node.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield from _value(name, one)


def _required(node: dict[str, object], kind: str) -> Iterator[tuple[str, str]]:
    wanted = REQUIRED.get(kind)
    if wanted is None:
        return
    absent = [path for path in wanted.all_of if not _has(node, path)]
    absent += [" or ".join(group) for group in wanted.one_of if not any(_has(node, path) for path in group)]
    if absent:
        yield f"describes a {kind} without {', '.join(absent)}", f"what {kind} requires, or another type"
    if kind == "BreadcrumbList":
        elements = node.get("itemListElement")
        if not isinstance(elements, list) or len(elements) < 2:
            yield "has a BreadcrumbList with fewer than 2 elements", "two or more, each with position and name"


def _has(node: object, path: str) -> bool:
    name, _, rest = path.partition(".")
    for one in node if isinstance(node, list) else [node]:
        value = one.get(name) if isinstance(one, dict) else None
        if value in (None, "", [], {}):
            continue
        if not rest or _has(value, rest) or _points(value):
            return True
    return False


def _points(value: object) -> bool:
    return isinstance(value, dict) and set(value) <= {"@id", "@type"} and "@id" in value


def _value(name: str, value: str) -> Iterator[tuple[str, str]]:
    low = name.casefold()
    if low in _URLS and _RELATIVE.match(value):
        yield f"has {name} {value[:60]!r}", "an absolute https address"
    elif _DATES.search(name) and not _ISO.fullmatch(value):
        yield f"has {name} {value[:30]!r}", "a date such as 2026-03-31"
    elif low == "pricecurrency" and not _CURRENCY.fullmatch(value):
        yield f"has {name} {value[:30]!r}", "a code of three letters such as USD"
