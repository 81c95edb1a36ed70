"""The workspace folder: what is written is whole, nothing leaves it, and one process works in it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marketeer.adapters import workspace as workspace_module
from marketeer.adapters.workspace import DATABASE_NAME, FOLDERS, LOCK_NAME, FileWorkspace
from marketeer.domain.errors import StoreUnavailable, UsageError, WorkspaceBusy

# Another process that works here: says so, then waits to be killed.
HOLDER = """
import asyncio, sys
from pathlib import Path
from marketeer.adapters.workspace import FileWorkspace

async def hold():
    async with FileWorkspace(Path(sys.argv[1])).work_lock(scope="all"):
        print("holding", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""
ENTER_TURN = (
    "import os, sys; from pathlib import Path; from marketeer.adapters.workspace import FileWorkspace;"
    " w = FileWorkspace(Path(sys.argv[1])); turn = w.turn_at_files(); turn.__enter__()"
)


@pytest.fixture
def workspace(tmp_path: Path) -> FileWorkspace:
    made = FileWorkspace(tmp_path / "ws")
    made.make()
    return made


# -- files -------------------------------------------------------------------------------------------------------


async def test_what_was_written_is_read_back(workspace: FileWorkspace) -> None:
    await workspace.write("outputs/creative/x.md", b"one")
    await workspace.write("outputs/creative/x.md", b"two")
    assert await workspace.read("outputs/creative/x.md") == b"two"


async def test_what_a_killed_process_left_half_written_goes_with_the_next_write_beside_it(
    workspace: FileWorkspace,
) -> None:
    folder = workspace.root / "outputs"
    folder.mkdir()
    left, held = folder / ".x.md.0.0a1b2c3d.tmp", folder / ".y.md.1.ffffffff.tmp"
    peoples = [folder / name for name in (".draft.tmp", "x.md.0.0a1b2c3d.tmp", ".x.md.0.0a1b2c3d.tmp.md")]
    for file in (left, held, *peoples):
        file.write_text("half")
    with held.open() as writer:  # a process at work beside us
        fcntl.flock(writer, fcntl.LOCK_EX)
        await workspace.write("outputs/z.md", b"one")
        assert (left.exists(), held.exists()) == (False, True)
    await FileWorkspace(workspace.root).write("outputs/z.md", b"two")
    assert sorted(folder.iterdir()) == sorted([*peoples, folder / "z.md"])


@pytest.mark.parametrize("path", ["nothing.md", "no/such/folder.md", "outputs", "file.md/below.md"])
async def test_what_is_not_a_file_reads_as_nothing(workspace: FileWorkspace, path: str) -> None:
    workspace.make_folders()
    await workspace.write("file.md", b"x")
    assert await workspace.read(path) is None


async def test_a_file_in_the_place_of_a_folder_is_named(workspace: FileWorkspace) -> None:
    (workspace.root / "context").write_text("a file")
    with pytest.raises(StoreUnavailable, match=r"/context' is in the way; move it"):
        await workspace.write("context/page.md", b"x")


async def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(workspace: FileWorkspace) -> None:
    os.mkfifo(workspace.root / "file.md")
    async with asyncio.timeout(10):
        assert await workspace.read("file.md") is None
    await workspace.write("file.md", b"x")
    assert await workspace.read("file.md") == b"x"


@pytest.mark.parametrize(
    "path", ["../out.md", "a/../../out.md", "a/../b.md", "/etc/hosts", "link.md", "linked/out.md", "a\0b"]
)
async def test_a_path_that_leads_out_is_refused(workspace: FileWorkspace, path: str) -> None:
    outside = workspace.root.parent / "outside"
    outside.mkdir()
    (outside / "out.md").write_text("secret")
    (workspace.root / "link.md").symlink_to(outside / "out.md")
    (workspace.root / "linked").symlink_to(outside)
    with pytest.raises(UsageError, match="leads out of the workspace"):
        await workspace.read(path)
    with pytest.raises(UsageError, match="leads out of the workspace"):
        await workspace.write(path, b"x")
    assert sorted(path.name for path in workspace.root.parent.iterdir()) == ["outside", "ws"]
    assert (outside / "out.md").read_text() == "secret"


@pytest.mark.parametrize("path", ["", "."])
async def test_the_workspace_itself_is_no_file(workspace: FileWorkspace, path: str) -> None:
    assert await workspace.read(path) is None
    with pytest.raises(UsageError, match="the workspace itself"):
        await workspace.write(path, b"x")
    assert [path.name for path in workspace.root.parent.iterdir()] == ["ws"]


async def test_a_workspace_reached_through_a_link_is_as_good_as_any(workspace: FileWorkspace, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(workspace.root)
    await FileWorkspace(tmp_path / "link").write("a.md", b"x")
    assert await workspace.read("a.md") == b"x"


async def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(
    workspace: FileWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workspace.write("a.md", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await workspace.write("a.md", b"new")
    assert await workspace.read("a.md") == b"old"
    assert sorted(path.name for path in workspace.root.iterdir()) == [".gitignore", "a.md"]


async def test_a_file_that_was_saved_meanwhile_is_left_alone_and_told(workspace: FileWorkspace) -> None:
    await workspace.write("a.md", b"old")
    seen = [await workspace.stamp("a.md"), await workspace.stamp("b.md")]
    (workspace.root / "a.md").write_bytes(b"a person's")
    left, written = await workspace.write_many([("a.md", b"new"), ("b.md", b"new")], over=seen)
    assert left is None
    assert written == await workspace.stamp("b.md")
    assert (await workspace.read("a.md"), await workspace.read("b.md")) == (b"a person's", b"new")
    assert sorted(path.name for path in workspace.root.iterdir()) == [".gitignore", "a.md", "b.md"]


async def test_a_reader_sees_the_old_file_or_the_new_one_and_nothing_between(workspace: FileWorkspace) -> None:
    texts = {bytes([letter]) * 200_000 for letter in b"abcd"}
    await workspace.write("a.md", min(texts))

    async def read() -> None:
        assert await workspace.read("a.md") in texts

    await asyncio.gather(*(step for text in sorted(texts) for step in (workspace.write("a.md", text), read(), read())))
    assert not list(workspace.root.glob("*.tmp")) + list(workspace.root.glob(".*.tmp"))


# -- the folder --------------------------------------------------------------------------------------------------


def test_a_new_workspace_keeps_its_database_out_of_git(workspace: FileWorkspace) -> None:
    assert f"{DATABASE_NAME}*" in (workspace.root / ".gitignore").read_text().splitlines()
    (workspace.root / ".gitignore").write_text("mine")
    workspace.make()
    assert (workspace.root / ".gitignore").read_text() == "mine"
    workspace.make_folders()
    assert sorted(path.name for path in workspace.root.iterdir() if path.is_dir()) == sorted(FOLDERS)


def test_a_workspace_exists_once_it_has_a_database(workspace: FileWorkspace) -> None:
    assert not workspace.exists
    workspace.database_path.touch()
    assert workspace.exists


@pytest.mark.parametrize("below", [".", "sub", "sub/deeper"])
def test_a_file_in_the_place_of_the_workspace_is_told_with_the_remedy(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="--workspace") as caught:
        FileWorkspace(tmp_path / "file" / below).make()
    assert "\n" not in str(caught.value)


def test_a_workspace_that_cannot_be_written_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever may write everywhere is asked as if they could not
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="permissions"):
        FileWorkspace(tmp_path / "ws").make()


# -- who works here ----------------------------------------------------------------------------------------------


def holder(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(workspace_module.__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    return process


def close(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


async def test_the_lock_of_another_process_names_it_and_dies_with_it(workspace: FileWorkspace) -> None:
    process = holder(workspace.root)
    try:
        assert workspace.worker() == {"pid": process.pid, "scope": "all", "daemon": False, "shared": False}
        with pytest.raises(WorkspaceBusy, match=f"process {process.pid} already works"):
            async with workspace.work_lock(scope="all"):
                pass
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        assert json.loads((workspace.root / LOCK_NAME).read_text())["pid"] == process.pid, "it had no time to tidy up"
        assert workspace.worker() is None
        async with workspace.work_lock(scope="goal-1"):
            assert workspace.worker() == {"pid": os.getpid(), "scope": "goal-1", "daemon": False, "shared": False}
    finally:
        close(process)


async def test_the_lock_is_free_after_use_even_when_the_work_failed(workspace: FileWorkspace) -> None:
    assert workspace.worker() is None
    with pytest.raises(ValueError, match="broken"):
        async with workspace.work_lock(scope="all"):
            raise ValueError("broken")  # noqa: EM101 - what is said does not matter
    assert workspace.worker() is None
    async with workspace.work_lock(scope="all"):
        pass


async def test_who_cannot_be_read_works_here_all_the_same(workspace: FileWorkspace) -> None:
    async with workspace.work_lock(scope="all"):
        (workspace.root / LOCK_NAME).write_text("[1")
        assert workspace.worker() == {}
        with pytest.raises(WorkspaceBusy, match="process unknown"):
            async with workspace.work_lock(scope="all"):
                pass


async def test_many_may_share_the_lock_but_nobody_has_it_alone_beside_them(workspace: FileWorkspace) -> None:
    async with workspace.work_lock(scope="all", shared=True):
        async with workspace.work_lock(scope="all", shared=True):
            assert (workspace.worker() or {})["shared"] is True
        assert (workspace.worker() or {})["shared"] is True, "the last one has not left"
        with pytest.raises(WorkspaceBusy):
            async with workspace.work_lock(scope="goal-1"):
                pass
    async with workspace.work_lock(scope="goal-1"):
        with pytest.raises(WorkspaceBusy):
            async with workspace.work_lock(scope="all", shared=True):
                pass


def test_the_turn_at_the_files_is_one_processes_at_a_time(workspace: FileWorkspace) -> None:
    with workspace.turn_at_files() as first, workspace.turn_at_files() as second:
        assert (first, second) == (True, False)
    with workspace.turn_at_files() as again:
        assert again


async def test_what_a_process_leaves_that_dies_in_its_turn_is_swept_by_those_that_were_there_before(
    workspace: FileWorkspace,
) -> None:
    with workspace.turn_at_files():
        await workspace.write("outputs/x.md", b"first")
    half = "(w.root / 'outputs' / '.x.md.0.0a1b2c3d.tmp').write_text('ha'); os.kill(os.getpid(), 9)"
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", f"{ENTER_TURN}; {half}", str(workspace.root))
    assert await died.wait() == -signal.SIGKILL
    with workspace.turn_at_files() as ours:
        assert ours
        await workspace.write("outputs/x.md", b"second")
    assert [file.name for file in (workspace.root / "outputs").iterdir()] == ["x.md"]


# -- who answers slots -------------------------------------------------------------------------------------------


async def test_several_may_hold_the_mark_of_the_scheduler_and_it_is_gone_with_the_last(
    workspace: FileWorkspace,
) -> None:
    workspace.make()
    other = FileWorkspace(workspace.root)
    assert not other.has_scheduler()
    async with workspace.scheduler_mark():
        assert other.has_scheduler()
        async with other.scheduler_mark():
            pass
        assert other.has_scheduler()
    assert not other.has_scheduler()
