"""The library: whose version of a document is in force, and which files it writes, keeps or sets aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.document import CONTEXT_PATH, Author, Document, DocumentKind
from marketeer.engine import library as library_module
from marketeer.engine.library import Library
from marketeer.testing import FakeClock
from tests.support.builders import a_document

PATH = "goals/g/plan.md"


class House:
    """A library with its store and its workspace."""

    def __init__(self, root: Path) -> None:
        self.store = SqliteStore(None)
        self.root = root
        self.library = Library(self.store, FileWorkspace(root), FakeClock())

    async def made(self, content: str, path: str = PATH, **fields: object) -> Document:
        """The machine's next version, mirrored."""
        kind = DocumentKind.PLAN if path == PATH else DocumentKind.CONTEXT
        stored = await self.store.add_document(a_document(path, kind=kind, content=content, **fields))
        await self.library.mirror(path, stored.version)
        return stored

    def file(self, path: str = PATH) -> Path:
        return self.root / path

    def edit(self, content: str | bytes, path: str = PATH) -> None:
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.store.open()
    yield house
    await house.store.close()


# -- people who edit ---------------------------------------------------------------------------------------------


async def test_a_stored_version_lies_in_the_workspace_as_a_file(house: House) -> None:
    await house.made("one\n")
    assert house.file().read_text() == "one\n"
    assert list(await house.store.unmirrored()) == []


async def test_a_humans_edit_is_taken_in_and_wins_over_the_version_asked_for(house: House) -> None:
    first = await house.made("one\n", goal_id="g", task_id="t")
    house.edit("mine\n")
    in_force = await house.library.in_force(PATH, first.version)
    assert in_force is not None
    assert (in_force.content, in_force.author, in_force.version) == ("mine\n", Author.HUMAN, 2)
    assert (in_force.goal_id, in_force.task_id, in_force.kind) == ("g", "t", DocumentKind.PLAN)
    assert await house.library.in_force(PATH) == in_force
    assert house.file().read_text() == "mine\n"


async def test_what_the_machine_made_while_a_human_edited_is_kept_but_not_mirrored(house: House) -> None:
    await house.made("one\n")
    house.edit("mine\n")
    late = await house.made("two\n")
    assert house.file().read_text() == "mine\n"
    assert await house.store.document(PATH, late.version) == late
    in_force = await house.library.in_force(PATH, late.version)
    assert in_force is not None
    assert in_force.content == "mine\n"
    assert list(await house.store.unmirrored()) == []


async def test_an_edit_is_taken_in_once_however_many_look_at_once(house: House) -> None:
    await house.made("one\n")
    house.edit("mine\n")
    seen = await asyncio.gather(*(house.library.in_force(PATH) for _ in range(8)))
    assert {document.version for document in seen if document} == {2}


async def test_an_edit_of_a_file_that_has_been_forgotten_is_taken_in_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_module, "MOST_STAMPS", 2)
    for number in range(4):
        await house.made(f"{number}\n", f"context/{number}.md")
    house.edit("mine\n", "context/0.md")
    assert await house.library.look("context/0.md")
    assert not await house.library.look("context/1.md")
    latest = await house.store.document("context/0.md")
    assert latest is not None
    assert (latest.content, latest.author) == ("mine\n", Author.HUMAN)
    # A file that is as it was makes no new version, forgotten or not.
    unchanged = await house.store.document("context/1.md")
    assert unchanged is not None
    assert unchanged.version == 1


async def test_a_pinned_version_is_in_force_while_no_human_has_changed_it(house: House) -> None:
    first = await house.made("one\n")
    await house.made("two\n")
    assert await house.library.in_force(PATH, first.version) == first
    assert await house.library.in_force("goals/g/nothing.md") is None


async def test_an_old_version_put_back_is_ours_and_rewritten(house: House) -> None:
    await house.made("one\n")
    await house.made("two\n")
    house.edit("one\n")
    await house.library.restore(PATH)
    assert house.file().read_text() == "two\n"


async def test_a_file_that_a_human_wrote_before_anything_was_stored_counts(house: House) -> None:
    house.edit("# Us\r\n", CONTEXT_PATH)
    context = await house.library.product_context(rehearsal=False)
    assert context is not None
    assert (context.content, context.author, context.kind) == ("# Us\r\n", Author.HUMAN, DocumentKind.CONTEXT)
    assert not context.rehearsal


async def test_a_rehearsal_reads_the_real_context_and_its_own_where_there_is_none(house: House) -> None:
    house.edit("# Tried\n", f"rehearsal/{CONTEXT_PATH}")
    assert await house.library.product_context(rehearsal=False) is None
    own = await house.library.product_context(rehearsal=True)
    assert own is not None
    assert (own.content, own.rehearsal, own.kind) == ("# Tried\n", True, DocumentKind.CONTEXT)
    house.edit("# Real\n", CONTEXT_PATH)
    real = await house.library.product_context(rehearsal=True)
    assert real is not None
    assert real.content == "# Real\n"


# -- files that are no text --------------------------------------------------------------------------------------

TORN = [b"", b" \n", b"half a te\0\0\0", b"\xff\xfe\x00"]


@pytest.mark.parametrize("content", TORN)
async def test_a_file_that_is_no_text_is_set_aside_rewritten_and_told(house: House, content: bytes) -> None:
    first = await house.made("one\n")
    house.edit(content)
    assert await house.library.in_force(PATH) == first
    assert house.file().read_text() == "one\n"
    assert house.file(f"{PATH}.rejected").read_bytes() == content
    assert house.library.warnings == [f"{PATH} was empty or not readable text: kept as {PATH}.rejected"]


@pytest.mark.parametrize("content", TORN)
async def test_a_humans_version_that_was_torn_is_restored(house: House, content: bytes) -> None:
    await house.made("one\n")
    house.edit("mine\n")
    await house.library.look(PATH)
    house.edit(content)
    await house.library.restore(PATH)
    assert house.file().read_text() == "mine\n"


async def test_an_answer_that_was_cut_off_never_becomes_a_file(house: House) -> None:
    await house.made("one\n")
    await house.store.add_document(a_document(PATH, kind=DocumentKind.PLAN, content="tw", truncated=True))
    await house.library.mirror_missing()
    assert house.file().read_text() == "one\n"
    house.edit(b"")
    await house.library.restore(PATH)
    assert house.file().read_text() == "one\n"


async def test_an_unreadable_file_of_ones_own_stays_where_it_is(house: House) -> None:
    house.edit(b"\0", "inputs/data.csv")
    assert await house.library.in_force("inputs/data.csv") is None
    assert house.file("inputs/data.csv").read_bytes() == b"\0"


# -- after a crash -----------------------------------------------------------------------------------------------


async def test_what_was_stored_and_not_written_is_written_by_the_next_process(house: House) -> None:
    await house.store.add_document(a_document(PATH, kind=DocumentKind.PLAN, content="one\n"))
    await house.store.add_document(a_document(PATH, kind=DocumentKind.PLAN, content="two\n"))
    await house.library.mirror_missing()
    assert house.file().read_text() == "two\n"
    house.file().unlink()
    await house.library.mirror_missing()
    assert not house.file().exists(), "what was written once is not looked for again"


async def test_a_file_that_was_deleted_is_restored_when_it_is_asked_for(house: House) -> None:
    await house.made("one\n")
    house.file().unlink()
    await house.library.restore(PATH)
    assert house.file().read_text() == "one\n"
    await house.library.restore("goals/g/nothing.md")
    assert not house.file("goals/g/nothing.md").exists()
