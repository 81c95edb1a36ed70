"""What only happens on a terminal: `init` asks about the product, `context edit` opens an editor."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli, Inside
from tests.support.waiting import LIMIT_S

PATH = "workspace/context/product-marketing-context.md"
CTRL_C, CTRL_D = "\x03", "\x04"
SKIP = "\n"
# So that Ctrl-C on it reaches the process.
TAKE_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from marketeer.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def cli(inside: Inside) -> Cli:
    """In the folder where `inside` runs what needs no terminal."""
    return Cli(folder=inside.folder)


def on_terminal(
    cli: Cli, *arguments: str, typed: str = "", answers_to: str = "> ", **variables: str
) -> tuple[int, str]:
    """Run a command on a pseudo-terminal. Each line of `typed` is sent when the next prompt appears."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-c", TAKE_TERMINAL, *arguments),
        cwd=cli.folder,
        env=cli._environment() | {"TERM": "dumb"} | variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        said = _converse(ours, typed.splitlines(keepends=True), answers_to)
        return process.wait(timeout=LIMIT_S), said
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _converse(terminal: int, typed: list[str], prompt: str) -> str:
    said, heard = "", 0
    for piece in _pieces(terminal):
        said += piece
        while typed and said.count(f"\n{prompt}") + said.startswith(prompt) > heard:
            heard += 1
            os.write(terminal, typed.pop(0).encode())
    return said.replace("\r\n", "\n")


def _pieces(terminal: int) -> Iterator[str]:
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError as exc:
            if exc.errno == errno.EIO:  # the other side has closed
                return
            raise
        if not piece:
            return
        yield piece.decode("utf-8", errors="replace")


def context_of(cli: Cli) -> str:
    return (cli.folder / PATH).read_text("utf-8")


def test_answers_become_version_1_and_what_was_skipped_reads_unknown(cli: Cli, inside: Inside) -> None:
    overview = "Ledgerly closes the books of small shops overnight.\nBusiness model: $19 a month\n\n"
    personas = "Mia, shop owner; decision maker; free evenings; paper in boxes; done by morning\n\n"
    code, said = on_terminal(cli, "init", typed=f"Ledgerly\n{overview}{SKIP}{personas}{SKIP * 9}")
    assert (code, "1/12  Product Overview" in said, "12/12  Goals" in said) == (0, True, True)
    assert "version 1: 2 of 12 sections told" in said
    text = context_of(cli)
    assert text.startswith("# Product Marketing Context: Ledgerly\n")
    assert "**One-liner:** Ledgerly closes the books of small shops overnight." in text
    assert "**Business model:** $19 a month" in text
    assert "| Mia, shop owner | decision maker | free evenings | paper in boxes | done by morning |" in text
    (version,) = inside("context", "history", "--json").document["versions"]
    assert (version["version"], version["who"], version["in_force"]) == (1, "you", True)
    sections = {row["heading"]: row["state"] for row in inside("context", "check", "--json").document["sections"]}
    assert (sections["Personas"], sections["Product Overview"], sections["Goals"]) == ("known", "thin", "unknown")


def test_an_early_end_keeps_what_was_said(cli: Cli, inside: Inside) -> None:
    code, _ = on_terminal(cli, "init", typed=f"Ledgerly\nIt closes books.\n\n{CTRL_D}\n")
    assert (code, "It closes books." in context_of(cli)) == (0, True)


def test_a_user_who_leaves_or_tells_nothing_has_no_context(cli: Cli, inside: Inside) -> None:
    code, said = on_terminal(cli, "init", typed=f"Ledgerly\nIt closes books.\n\n{CTRL_C}\n")
    assert (code, "nothing was written down" in said) == (130, True)
    code, said = on_terminal(cli, "init", typed=SKIP)
    assert (code, "Left for later" in said) == (0, True)
    assert not (cli.folder / PATH).exists()


@pytest.mark.parametrize("option", ["--no-input", "--example"])
def test_nothing_is_asked_when_the_user_says_so(cli: Cli, option: str) -> None:
    code, said = on_terminal(cli, "init", option)
    assert (code, "called?" in said) == (0, False)


def test_nobody_is_asked_twice_or_without_a_terminal(cli: Cli, inside: Inside) -> None:
    assert "called?" not in inside("init").out
    on_terminal(cli, "init", typed=f"Ledgerly\nIt closes books.\n\n{CTRL_D}\n")
    before = context_of(cli)
    code, said = on_terminal(cli, "init")
    assert (code, "called?" in said, context_of(cli)) == (0, False, before)


def test_edit_opens_the_editor_and_stores_what_it_leaves(cli: Cli, inside: Inside, tmp_path: Path) -> None:
    inside("init", "--example")
    editor = a_script(tmp_path / "editor", 'sed -i "s/38 minutes/36 minutes/" "$1"')
    code, said = on_terminal(cli, "context", "edit", EDITOR=editor)
    assert (code, "Stored as version 2" in said, "36 minutes" in context_of(cli)) == (0, True, True)
    code, said = on_terminal(cli, "context", "edit", EDITOR=a_script(tmp_path / "broken", "exit 3"))
    assert (code, "ended with code 3" in said) == (2, True)
    assert len(inside("context", "history", "--json").document["versions"]) == 2


def test_without_a_context_the_editor_gets_a_form_with_examples(cli: Cli, inside: Inside, tmp_path: Path) -> None:
    code, said = on_terminal(cli, "context", "edit", EDITOR=a_script(tmp_path / "idle", "true"))
    assert (code, "nothing was written" in said, (cli.folder / PATH).exists()) == (2, True, False)
    editor = a_script(tmp_path / "editor", 'grep -q Fieldnod "$1" && sed -i "s/<name of the product>/Ledgerly/" "$1"')
    code, said = on_terminal(cli, "context", "edit", EDITOR=editor)
    assert (code, "Stored as version 1" in said) == (0, True), said
    assert (context_of(cli).startswith("# Product Marketing Context: Ledgerly"), "<!--" in context_of(cli)) == (
        True,
        False,
    )


def a_script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)
