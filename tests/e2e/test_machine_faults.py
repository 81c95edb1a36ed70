"""A machine that fails: full and read-only disks, a damaged or locked database, torn files, a clock put back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.errors import ApiUnavailable, StoreUnavailable
from marketeer.domain.goal import GoalStatus
from marketeer.engine.patience import PATIENCE_S
from marketeer.runtime import Office
from tests.e2e.harness import (
    Ledger,
    assert_nothing_lost_or_doubled,
    command,
    end_of,
    environment,
    run,
    wait_until,
)
from tests.integration import desk
from tests.support.waiting import LIMIT_S

GOAL = "Increase signup conversion by 20%"
START = ("start", GOAL, "--rehearse")
SLOW = {"MARKETEER_REHEARSAL_LATENCY_S": "0.15"}
DATABASE = Path("workspace", "marketeer.db")


@contextmanager
def running(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, inside: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A command at work. It never outlives the block."""
    with subprocess.Popen(
        [*inside, *command(*arguments)],
        cwd=cwd,
        env=env or environment(**SLOW),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], part: str, *, on: str = "stdout") -> None:
    """Read one of its streams up to the line with that part."""
    stream = getattr(process, on)
    assert any(part in line for line in stream), f"the process ended without saying {part!r}"


def complaint_of(err: str) -> str:
    """The one line for people; logs are JSON."""
    (line,) = [line for line in err.splitlines() if not line.startswith("{")]
    assert line.startswith("marketeer: ")
    return line


# -- a disk of its own ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A small disk in a mount namespace of its own: needs no privileges, and is gone with the process that holds it."""

    path: Path
    holder: int

    @property
    def inside(self) -> tuple[str, ...]:
        """What goes before a command that is to see the disk."""
        enter = ("nsenter", "-t", str(self.holder), "--user", "--mount", "--preserve-credentials", "--")
        return (*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(self.path))

    @property
    def outside(self) -> Path:
        """Its files, as seen from here."""
        return Path(f"/proc/{self.holder}/root{self.path}")

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
        with running(*arguments, cwd=self.path, env=env or environment(), inside=self.inside) as process:
            return end_of(process)

    def shell(self, script: str) -> str:
        return subprocess.run(
            [*self.inside, "sh", "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True
        ).stdout

    def leave_free(self, kilobytes: int) -> None:
        """Fill it up to this."""
        free = int(self.shell("df -Pk . | tail -1").split()[3])
        (self.outside / "ballast").write_bytes(bytes((free - kilobytes) * 1024))

    def free(self) -> None:
        (self.outside / "ballast").unlink()

    def copy(self, to: Path) -> Path:
        """A copy of the workspace that everybody can see."""
        return Path(shutil.copytree(self.outside / "workspace", to / "copy"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """4 MB. Skipped where the system lets nobody make namespaces; the tests with `full` below need none."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = f"mount -t tmpfs -o size=4m tmpfs {path} && echo ready && exec cat"
    try:
        holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare here to make a disk with")
    with holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            pytest.skip("no namespaces may be made here, so no disk of its own")
        try:
            yield Disk(path=path, holder=holder.pid)
        finally:
            holder.kill()


def test_on_a_disk_that_is_full_from_the_start_one_line_says_so_and_later_it_works(disk: Disk, tmp_path: Path) -> None:
    disk.leave_free(60)
    code, _, err = disk.run(*START)
    assert code == 1
    assert "the disk is full; free some space" in complaint_of(err)
    disk.free()
    code, out, _ = disk.run(*START)
    assert code == 0, out
    assert_nothing_lost_or_doubled(disk.copy(tmp_path))


def test_a_disk_that_fills_in_mid_goal_is_waited_for_and_the_goal_completes_by_itself(
    disk: Disk, tmp_path: Path
) -> None:
    disk.run(*START)  # what a workspace needs once is there, however large it has become
    disk.leave_free(250)
    with running(*START, cwd=disk.path, inside=disk.inside) as process:
        until(process, "waiting_for_the_store", on="stderr")
        code, out, _ = disk.run("status", "--json")
        assert (code, json.loads(out)["worker"]["pid"]) == (0, process.pid)
        disk.free()
        code, out, err = end_of(process)
    assert (code, "Made:" in out) == (0, True), err
    ledger = assert_nothing_lost_or_doubled(disk.copy(tmp_path))
    assert ledger.estimated == []


def test_an_interrupt_while_the_disk_is_full_ends_within_the_grace_and_resume_completes(
    disk: Disk, tmp_path: Path
) -> None:
    disk.run(*START)  # what a workspace needs once is there, however large it has become
    disk.leave_free(250)
    env = environment(SHUTDOWN_GRACE_S="0.5", **SLOW)
    with running(*START, cwd=disk.path, env=env, inside=disk.inside) as process:
        until(process, "waiting_for_the_store", on="stderr")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        code, _, err = end_of(process)
    assert code == 130, err
    assert time.monotonic() - began < PATIENCE_S / 2
    assert "resume with: marketeer resume" in err
    disk.free()
    code, _, err = disk.run("resume")
    assert code == 0, err
    assert_nothing_lost_or_doubled(disk.copy(tmp_path))


def test_a_read_only_workspace_is_refused_in_one_line_and_works_again_once_writable(disk: Disk, tmp_path: Path) -> None:
    with running(*START, cwd=disk.path, inside=disk.inside) as process:
        until(process, "started")
        process.send_signal(signal.SIGTERM)
        assert end_of(process)[0] == 130
    disk.shell("cd / && mount -o remount,ro $OLDPWD")
    for arguments in (START, ("resume",), ("status",), ("cancel", "last"), ("init",)):
        code, _, err = disk.run(*arguments)
        assert code == 2, arguments
        assert "cannot be written" in complaint_of(err)
    disk.shell("cd / && mount -o remount,rw $OLDPWD")
    assert disk.run("resume")[0] == 0
    assert_nothing_lost_or_doubled(disk.copy(tmp_path))


def test_files_that_cannot_be_written_cost_no_work_and_resume_writes_them(tmp_path: Path) -> None:
    outputs = tmp_path / "workspace" / "rehearsal" / "outputs"
    outputs.parent.mkdir(parents=True)
    outputs.write_text("a file where a folder should be")
    broken = run(*START, cwd=tmp_path)
    assert broken.returncode == 1
    assert "outputs" in complaint_of(broken.stderr)
    assert "marketeer resume" in complaint_of(broken.stderr)
    ledger = Ledger(tmp_path / "workspace")
    assert {task["status"] for task in ledger.tasks} == {"approved"}
    outputs.unlink()
    assert run("resume", ledger.goals[0]["goal_id"], cwd=tmp_path).returncode == 0
    assert_nothing_lost_or_doubled(tmp_path / "workspace")


# -- a database that takes nothing ---------------------------------------------------------------------------------


async def set_page_limit(office: Office, pages: int | None) -> None:
    """None: no page more than there are now, as on a full disk. Works on every system."""

    def work(connection: sqlite3.Connection) -> None:
        (now,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages or now}")

    await office.store._db.write(work)


async def fill(office: Office) -> None:
    """Until not one commit more fits."""
    await set_page_limit(office, None)

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS ballast (x)")
        connection.execute("INSERT INTO ballast VALUES (zeroblob(64))")

    with suppress(StoreUnavailable):
        while True:
            await office.store._db.write(work)


async def test_an_answer_that_comes_while_the_disk_is_full_is_kept_and_not_bought_again(tmp_path: Path) -> None:
    clerk = desk.Clerk()
    async with desk.an_office(tmp_path, clerk) as office:
        clerk.hold("analytics-tracking")
        goal = await desk.submit(office)
        async with desk.at_work(office, goal):
            await clerk.busy_with("analytics-tracking")
            await fill(office)
            clerk.let_go("analytics-tracking")
            await office.clock.sleep(PATIENCE_S / 2)
            await set_page_limit(office, 1_000_000)
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert [call.estimated for call in await office.store.calls(goal.goal_id)] == [False]
        await desk.check_books(office, goal)


async def test_a_disk_that_stays_full_ends_the_work_after_a_minute_and_resume_completes(tmp_path: Path) -> None:
    clerk = desk.Clerk()
    async with desk.an_office(tmp_path, clerk, clock=desk.QuickClock(30)) as office:
        goal = await desk.submit(office, desk.FUNNEL)
        await fill(office)
        began = office.clock.monotonic()
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await desk.work(office, goal)
        await set_page_limit(office, 1_000_000)
        assert office.clock.monotonic() - began < 5 * PATIENCE_S
        assert (await desk.again(office, goal)).status is GoalStatus.COMPLETED
        assert not any(call.estimated for call in await office.store.calls(goal.goal_id))
        await desk.check_books(office, goal)


# -- a damaged or locked database ----------------------------------------------------------------------------------


def overwritten(content: bytes) -> bytes:
    return content[:4096] + os.urandom(len(content) - 4096)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2 + 100]


def no_database(content: bytes) -> bytes:
    return b"This was a database once.\n" * (len(content) // 26)


@pytest.mark.parametrize("damage", [overwritten, truncated, no_database])
def test_a_damaged_database_is_told_in_one_line_and_not_touched_and_its_backup_goes_on(
    tmp_path: Path, damage: Any
) -> None:
    with running(*START, cwd=tmp_path) as process:
        until(process, "approved")
        process.send_signal(signal.SIGINT)
        assert end_of(process)[0] == 130
    database = tmp_path / DATABASE
    backup = database.read_bytes()
    damaged = damage(backup)
    database.write_bytes(damaged)
    for arguments in (("resume",), ("status",), ("backup", "kept.tar.gz"), START):
        result = run(*arguments, cwd=tmp_path)
        assert result.returncode == 2, arguments
        assert "is damaged" in complaint_of(result.stderr)
        assert "restore a backup" in complaint_of(result.stderr)
    assert database.read_bytes() == damaged
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    database.write_bytes(backup)
    assert run("resume", cwd=tmp_path).returncode == 0
    assert_nothing_lost_or_doubled(tmp_path / "workspace")


@pytest.mark.parametrize("replaced", [False, True])
def test_work_stops_with_a_remedy_when_its_database_is_removed_or_replaced(tmp_path: Path, replaced: bool) -> None:
    with running(*START, cwd=tmp_path) as process:
        until(process, "started")
        database = tmp_path / DATABASE
        copy = database.read_bytes()
        database.unlink()
        if replaced:
            database.write_bytes(copy)
        code, _, err = end_of(process)
    assert code == 2
    assert "was removed or replaced" in complaint_of(err)
    assert "restore a backup" in complaint_of(err)


def test_a_database_locked_for_ten_seconds_holds_the_work_up_and_spoils_nothing(tmp_path: Path) -> None:
    with running(*START, cwd=tmp_path) as process:
        until(process, "approved")
        with locked(tmp_path / DATABASE):
            began = time.monotonic()
            # It does not wait for the lock, which nobody gives back before.
            assert run("status", "--json", cwd=tmp_path).returncode == 0
            wait_until(lambda: time.monotonic() - began > 10)
        code, _, err = end_of(process)
    assert code == 0, err
    ledger = assert_nothing_lost_or_doubled(tmp_path / "workspace")
    assert ledger.estimated == []


def test_a_command_that_cannot_write_gives_up_in_one_line_and_changes_nothing(tmp_path: Path) -> None:
    with running(*START, cwd=tmp_path) as process:
        until(process, "started")
        process.send_signal(signal.SIGINT)
        assert end_of(process)[0] == 130
    with locked(tmp_path / DATABASE):
        cancelled = run("cancel", "last", cwd=tmp_path)
        assert cancelled.returncode == 1
        assert "is locked by another program" in complaint_of(cancelled.stderr)
    assert run("resume", cwd=tmp_path).returncode == 0
    assert_nothing_lost_or_doubled(tmp_path / "workspace")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program writes in the database while the block runs."""
    with closing(sqlite3.connect(database, timeout=LIMIT_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


# -- files that people and crashes change --------------------------------------------------------------------------


def test_torn_and_edited_files_of_an_interrupted_goal_are_mended_or_respected_by_resume(tmp_path: Path) -> None:
    with running(*START, cwd=tmp_path) as process:
        until(process, "copywriting  started")
        process.send_signal(signal.SIGINT)
        assert end_of(process)[0] == 130
    root = tmp_path / "workspace"
    ledger = Ledger(root)
    page, signup, *_ = [task for task in ledger.tasks if task["status"] == "approved" and task["squad"]]
    torn, edited = root / page["output_path"], root / signup["output_path"]
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    words = edited.read_text() + "\n\nThe button is green, says Ada.\n"
    edited.write_text(words)
    assert run("resume", cwd=tmp_path).returncode == 0
    assert torn.read_bytes() == whole
    assert torn.with_name(f"{torn.name}.rejected").read_bytes().endswith(b"\0")
    assert edited.read_text() == words
    versions = [d for d in Ledger(root).documents if d["path"] == signup["output_path"]]
    assert [version["author"] for version in versions] == ["machine", "human"]


def test_a_file_edited_in_mid_run_stays_the_persons_and_is_kept_as_a_version(tmp_path: Path) -> None:
    words = "\n\nOne word of Ada's: tangerine.\n"
    root = tmp_path / "workspace"
    with running(*START, cwd=tmp_path) as process:
        until(process, "page-cro  approved")
        wait_until(lambda: list(root.rglob("*-page-cro.md")))
        (output,) = root.rglob("*-page-cro.md")
        with output.open("a") as file:
            file.write(words)
        code, _, err = end_of(process)
    assert code == 0, err
    assert output.read_text().endswith(words)
    # Taken in at the latest by whoever works here next.
    assert run("resume", cwd=tmp_path).returncode == 0
    assert output.read_text().endswith(words)


def test_ten_thousand_files_in_inputs_slow_nothing(tmp_path: Path) -> None:
    def seconds(folder: Path) -> float:
        began = time.process_time()
        assert run(*START, cwd=folder, env=environment()).returncode == 0
        assert run("status", cwd=folder).returncode == 0
        return time.process_time() - began

    seconds(tmp_path)  # what a process loads once
    empty, crowded = tmp_path / "empty", tmp_path / "crowded"
    inputs = crowded / "workspace" / "inputs"
    inputs.mkdir(parents=True)
    empty.mkdir()
    for number in range(10_000):
        (inputs / f"page-{number}.md").touch()
    assert seconds(crowded) < 1.5 * seconds(empty) + 0.5


# -- a clock put back ----------------------------------------------------------------------------------------------


class SteppedClock(desk.QuickClock):
    """Real time made quick; `step` puts what it tells forward or back."""

    def __init__(self, speed: float = 60.0) -> None:
        super().__init__(speed)
        self.step = timedelta()

    def now(self) -> datetime:
        return super().now() + self.step


async def test_a_clock_put_back_an_hour_in_mid_goal_holds_nothing_up(tmp_path: Path) -> None:
    clerk, clock = desk.Clerk(), SteppedClock()
    async with desk.an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=90) as office:
        clerk.hold("seo-audit")
        goal = await desk.submit(office, desk.FUNNEL)
        began = clock.monotonic()
        async with desk.at_work(office, goal):
            await clerk.busy_with("seo-audit")
            clock.step = timedelta(hours=-1)
            # Over several heartbeats: a lease taken in what is now the future is neither lost nor for ever.
            await clock.sleep(120)
            clerk.let_go("seo-audit")
        assert (await office.store.goal(goal.goal_id)).status is GoalStatus.COMPLETED
        assert clock.monotonic() - began < 600
        assert len(clerk.seen) == 4
        await desk.check_books(office, goal)


async def test_a_clock_put_back_between_two_processes_holds_nothing_up_and_backoff_still_holds(tmp_path: Path) -> None:
    clerk, clock = desk.Clerk(), SteppedClock()
    async with desk.an_office(tmp_path, clerk, clock=clock) as office:
        clerk.hold("seo-audit")
        goal = await desk.submit(office, desk.FUNNEL)
        async with desk.at_work(office, goal) as shift:
            await clerk.busy_with("seo-audit")
            shift.interrupt()
            shift.interrupt()
    clerk.let_go("seo-audit")
    clerk.says["seo-audit"] = [ApiUnavailable("not now"), ApiUnavailable("not now")]
    clock = SteppedClock()
    clock.step = timedelta(hours=-1)
    async with desk.an_office(tmp_path, clerk, clock=clock) as office:
        began = office.clock.monotonic()
        assert (await desk.again(office, goal)).status is GoalStatus.COMPLETED
        # Two waits of the backoff, about one and two seconds; not an hour, and not none.
        assert 1 < office.clock.monotonic() - began < 600
        await desk.check_books(office, goal)


async def test_a_clock_put_back_over_the_end_of_a_month_keeps_each_months_sum(tmp_path: Path) -> None:
    clerk, clock = desk.Clerk(), SteppedClock()
    clock.step = datetime(2026, 12, 1, 0, 10, tzinfo=UTC) - clock.now()
    async with desk.an_office(tmp_path, clerk, clock=clock) as office:
        clerk.hold("analytics-tracking")
        goal = await desk.submit(office)
        async with desk.at_work(office, goal):
            await clerk.busy_with("analytics-tracking")
            clock.step -= timedelta(hours=1)
            clerk.let_go("analytics-tracking")
        (call,) = await office.store.calls(goal.goal_id)
        assert (await office.store.month_spend("2026-12")).settled_usd == call.cost_usd
        for month in ("2026-11", "2026-12"):
            assert (await office.store.month_spend(month)).reserved_usd == 0
        await desk.check_books(office, goal)


def test_within_a_process_now_never_goes_back_and_follows_a_clock_put_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [datetime(2026, 11, 22, 12, tzinfo=UTC)]

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return told[0]

    monkeypatch.setattr("marketeer.adapters.system_clock.datetime", Stepped)
    clock = SystemClock()
    before = clock.now()
    told[0] -= timedelta(hours=1)
    assert timedelta() <= clock.now() - before < timedelta(minutes=1)
    told[0] += timedelta(hours=3)
    assert clock.now() == told[0]
