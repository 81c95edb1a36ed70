"""The reader of plain blocks, held against markdown-it: where it reads a text at all, both read the same."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from marketeer.domain.markdown import parse, whole_parser
from marketeer.domain.markdown_blocks import Unusual, read_blocks
from tests.support.deliverables import deliverables

SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261123"))
COUNT = 6_000
READ_AT_LEAST = 0.15
EVERY_EXAMPLE_BUT = 0.1

# Whatever could be taken for something else, alone or next to another of them.
LINES = (
    "# Top", "## Two", "### Three ###", "#no", "####### seven", "## ", "##", "## a # b #", "## a#", "## #",
    "text", "more text", "**Field:** value", "**Field:**", "\\- x", "![x](y)", "<div>", "[a]: b", "=== ", "`c` d",
    "- item", "- item two", "* star", "+ plus", "1. one", "2. two", "7. seven", "1) one", "12) z", "10. ten",
    "  - nested", "    - deep", "  text", "   three", "  more", "   1. x", "- ", "-", "-text", "1.", "1.x", "5",
    "- # head", "- - two", "- 1. mixed", "* - mix", "-  two spaces", "-     five", "1.    four", "1.5 x", "_em_ x",
    "", "", "", "", "---", "***", "* * *", "- - -", "___", "_ _ _",
    "```", "```copy", "~~~", "~~~~", "````", "  ```", "```py x`", "``",
    "| a | b |", "|---|---|", "| --- | :-: |", "| 1 | 2 |", "| 1 |", "| 1 | 2 | 3 |", "| a \\| c | d |", "|", "||",
    "a | b", "--- | ---", "---|---", "|---|", "| a |", ":--", "-|-", "--", "| |",
    "- | a | b |", "  |---|---|", "  | 1 | 2 |",
    "> quote", "> more", ">tight", ">", "> ", ">  odd", "> > deep", "> - item", "> 1. one", ">   more", "> # Top",
    "- > in", "  > in", "> ```", "> | a | b |", "> |---|---|", "> | 1 | 2 |", "> ---", "text > text",
    "\u00a0", "\u00a0text", "text \u2003", "- \u00a0x", "# \u00a0",
)  # fmt: skip


def random_text(rng: random.Random) -> str:
    return "\n".join(rng.choice(LINES) for _ in range(rng.randint(1, 9)))


def what_is_read(tokens: Sequence[Any]) -> list[tuple[object, ...]]:
    """As much of tokens as an outline is made of."""
    read: list[tuple[object, ...]] = []
    for token in tokens:
        match token.type:
            case "heading_open":
                read.append((token.type, token.tag, token.level, token.map))
            case "bullet_list_open" | "ordered_list_open":
                read.append((token.type, token.level, token.map[0]))
            case "bullet_list_close" | "ordered_list_close" | "list_item_open":
                read.append((token.type, token.level))
            case "inline":
                read.append((token.type, token.content.strip()))
            case "fence":
                read.append((token.type, token.info, token.content, token.map))
            case "table_open" | "tr_open" | "table_close" | "hr":
                read.append((token.type,))
            case _:
                pass
    return read


def test_any_text_that_it_reads_is_read_as_markdown_it_reads_it() -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable by its seed
    done = 0
    for _ in range(COUNT):
        text = random_text(rng)
        try:
            blocks = read_blocks(text)
        except Unusual:
            continue
        done += 1
        assert what_is_read(blocks) == what_is_read(whole_parser()(text)), f"{text!r} (seed {SEED})"
    assert done > COUNT * READ_AT_LEAST


def test_nearly_all_examples_of_the_skills_are_plain_and_read_as_markdown_it_reads_them() -> None:
    unusual = []
    for one in deliverables():
        try:
            blocks = read_blocks(one.text)
        except Unusual:
            unusual.append(one.name)
            continue
        assert what_is_read(blocks) == what_is_read(whole_parser()(one.text)), one.name
    assert len(unusual) <= len(deliverables()) * EVERY_EXAMPLE_BUT, unusual


@pytest.mark.parametrize(
    "text",
    [
        "> a quotation\nwith a lazy line", " > an indent",
        "- an item\nwith a lazy line", "  an indent", "text\n2. perhaps a list", "- ", "-     code",
        "```\nnever closed", "| a | b |\n|---|", "| a |\n|---|\ntext", "a | b\n--- | ---", "a\ttab",
        "| a \\| b |\n|---|",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_left_to_a_whole_parser(text: str) -> None:
    with pytest.raises(Unusual):
        read_blocks(text)
    assert parse(f"# T\n\n## S\n\n{text}").titles == ("T",)


def test_lists_as_deep_as_anybody_likes_are_no_trouble() -> None:
    text = "## S\n\n" + "- " * 10_000 + "end"
    with pytest.raises(Unusual):
        read_blocks(text)
    assert parse(text).sections[0].title == "S"
    assert sys.getrecursionlimit() < 10_000
