"""Whoever writes files writes the same, and whatever becomes of a helper, every file is written and none is torn."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from marketeer.adapters.workspace import FilesBeside, FileWorkspace
from marketeer.domain.errors import StoreUnavailable, UsageError
from tests.support.processes import is_running
from tests.support.waiting import wait_until


@asynccontextmanager
async def beside(root: Path, *, limit_s: float = 60.0) -> AsyncIterator[tuple[FileWorkspace, FilesBeside, list[str]]]:
    """A workspace whose files a helper writes, and what is said of its loss."""
    told: list[str] = []
    async with aclosing(FilesBeside(told.append, worth_help=0.0, limit_s=limit_s)) as files:
        workspace = FileWorkspace(root, beside=files)
        workspace.make()
        await workspace.write("outputs/first.md", b"first")
        await wait_until(lambda: files.has_help)
        yield workspace, files, told


def text_of(workspace: FileWorkspace, path: str) -> str:
    return (workspace.root / path).read_text()


def some(count: int, word: str) -> list[tuple[str, bytes]]:
    return [(f"outputs/squad-{number % 7}/{number}.md", f"{word} {number}".encode()) for number in range(count)]


def nothing_half_written(root: Path) -> bool:
    return not list(root.rglob("*.tmp"))


async def test_what_the_helper_writes_is_there_with_the_stamp_it_told(tmp_path: Path) -> None:
    async with beside(tmp_path) as (workspace, files, told):
        written = some(50, "new")
        stamps = await workspace.write_many(written, over=[None] * 50)
        assert files.has_help
        assert [text_of(workspace, path) for path, _ in written] == [content.decode() for _, content in written]
        assert list(stamps) == [await workspace.stamp(path) for path, _ in written]
        again = await workspace.write_many(some(50, "newer"), over=stamps)
        assert None not in again
        assert text_of(workspace, "outputs/squad-0/49.md") == "newer 49"
        assert nothing_half_written(tmp_path)
        assert told == []


async def test_a_file_that_a_person_saved_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async with beside(tmp_path) as (workspace, _, told):
        known = await workspace.stamp("outputs/first.md")
        (tmp_path / "outputs/first.md").write_text("a person's")
        (tmp_path / "outputs/unexpected.md").write_text("a person's too")
        both = [("outputs/first.md", b"ours"), ("outputs/unexpected.md", b"ours"), ("outputs/fresh.md", b"ours")]
        stamps = await workspace.write_many(both, over=[known, None, None])
        assert [stamp is None for stamp in stamps] == [True, True, False]
        assert text_of(workspace, "outputs/first.md") == "a person's"
        assert text_of(workspace, "outputs/unexpected.md") == "a person's too"
        assert nothing_half_written(tmp_path)
        assert told == []


async def test_what_cannot_be_written_is_said_as_it_is_here(tmp_path: Path) -> None:
    here = FileWorkspace(tmp_path)
    (tmp_path / "reviews").write_text("a file where a folder should be")
    async with beside(tmp_path) as (workspace, files, told):
        for path in ("../out.md", "reviews/page.md"):
            with pytest.raises((UsageError, StoreUnavailable)) as ours:
                await here.write(path, b"x")
            with pytest.raises(type(ours.value)) as theirs:
                await workspace.write(path, b"x")
            assert str(theirs.value) == str(ours.value)
        assert files.has_help
        assert told == []


async def test_a_few_files_begin_no_helper(tmp_path: Path) -> None:
    async with aclosing(FilesBeside(lambda why: None)) as files:
        await FileWorkspace(tmp_path, beside=files).write_many(some(40, "new"))
        assert files.pid is None


async def test_many_files_begin_one(tmp_path: Path) -> None:
    async with aclosing(FilesBeside(lambda why: None)) as files:
        workspace = FileWorkspace(tmp_path, beside=files)
        for _ in range(4):
            await workspace.write_many(some(64, "new"))
        await wait_until(lambda: files.has_help)


async def test_when_the_helper_dies_its_files_are_written_here_and_it_is_told_once(tmp_path: Path) -> None:
    async with beside(tmp_path) as (workspace, files, told):
        assert files.pid is not None
        under_way = asyncio.create_task(workspace.write_many(some(64, "new")))
        await asyncio.sleep(0)
        os.kill(files.pid, signal.SIGKILL)
        assert None not in await under_way
        for path, content in some(64, "new"):
            assert text_of(workspace, path) == content.decode()
        await workspace.write("outputs/later.md", b"later")
        assert text_of(workspace, "outputs/later.md") == "later"
        assert len(told) == 1


async def test_a_helper_that_hangs_is_given_up_and_killed(tmp_path: Path) -> None:
    async with beside(tmp_path, limit_s=0.05) as (workspace, files, told):
        assert files.pid is not None
        os.kill(files.pid, signal.SIGSTOP)
        await workspace.write("outputs/later.md", b"later")
        assert text_of(workspace, "outputs/later.md") == "later"
        assert told == ["it has not answered for 0.05 s"]


async def test_what_the_dead_left_is_removed_when_somebody_has_died(tmp_path: Path) -> None:
    async with beside(tmp_path) as (workspace, files, _):
        await workspace.write("outputs/second.md", b"second")
        left = tmp_path / "outputs" / f".first.md.0.{'0' * 8}.tmp"
        left.write_text("half of i")
        await workspace.write("outputs/third.md", b"third")
        assert left.exists()  # one look is enough while nobody dies
        files.forget_swept()
        await workspace.write("outputs/fourth.md", b"fourth")
        assert not left.exists()


PARENT = """
import asyncio, sys
from pathlib import Path
from marketeer.adapters.workspace import FilesBeside, FileWorkspace

async def main():
    files = FilesBeside(print, worth_help=0.0)
    workspace = FileWorkspace(Path(sys.argv[1]), beside=files)
    await workspace.write("outputs/first.md", b"first")
    while not files.has_help:
        await asyncio.sleep(0.01)
    print(files.pid, flush=True)
    round = 0
    while True:
        round += 1
        await workspace.write_many([(f"outputs/{n}.md", f"{round:09d}".encode() * 1000) for n in range(64)])

asyncio.run(main())
"""


@pytest.mark.parametrize("after_s", [0.0, 0.11])
async def test_when_its_parent_is_killed_the_helper_ends_and_no_file_is_torn(tmp_path: Path, after_s: float) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        await wait_until(lambda: (tmp_path / "outputs/63.md").exists())
        await asyncio.sleep(after_s)
        parent.kill()
    await wait_until(lambda: not is_running(helper))
    for number in range(64):
        content = (tmp_path / f"outputs/{number}.md").read_text()
        assert content == content[:9] * 1000
    assert nothing_half_written(tmp_path)
