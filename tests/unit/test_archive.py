"""A workspace goes into one file and comes back; what nobody's backup holds is refused and leaves nothing behind."""

from __future__ import annotations

import errno
import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from marketeer.adapters import archive
from marketeer.adapters.archive import Layout, pack, put_in_place, staging, unpack
from marketeer.domain.errors import StoreUnavailable, UsageError

LAYOUT = Layout(database="marketeer.db", lock="marketeer.lock")
DATABASE = b"the database"
Entry = tuple[tarfile.TarInfo, bytes]


def copy_database(copy: Path) -> None:
    copy.write_bytes(DATABASE)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    for name, text in {
        "marketeer.db": "live pages",
        "marketeer.db-wal": "live changes",
        "marketeer.lock": "{}",
        ".gitignore": "marketeer.db*\n",
        ".env": "ANTHROPIC_API_KEY=secret",
        ".git/config": "[core]",
        "context/.product.md.1a2b.tmp": "half",
        "context/product.md": "Fieldnod",
        "inputs/Umsätze 2026.csv": "a,b\n",
        "inputs/marketeer.db.md": "notes about it",
        "outputs/creative/empty.md": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "team").mkdir()
    return root


def files_below(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def entry(name: str, content: bytes = b"x", **fields: object) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def write_archive(path: Path, *entries: Entry) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in (entry("marketeer.db", DATABASE), *entries):
            tar.addfile(info, io.BytesIO(content))
    return path


def test_what_was_packed_comes_back_without_locks_temporary_files_and_keys(tmp_path: Path, workspace: Path) -> None:
    packed = pack(tmp_path / "b.tar.gz", workspace, LAYOUT, copy_database)
    with staging(tmp_path / "new") as folder:
        assert unpack(tmp_path / "b.tar.gz", folder, LAYOUT) == packed.files == 5
        assert put_in_place(folder, tmp_path / "new") is None
    assert files_below(tmp_path / "new") == {
        "marketeer.db": DATABASE,
        ".gitignore": b"marketeer.db*\n",
        "context/product.md": b"Fieldnod",
        "inputs/Umsätze 2026.csv": b"a,b\n",
        "inputs/marketeer.db.md": b"notes about it",
        "outputs/creative/empty.md": b"",
    }
    assert (tmp_path / "new" / "team").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar.gz", "new", "workspace"]


@pytest.mark.skipif(os.name != "posix", reason="only there are names bytes")
def test_a_name_that_is_no_text_comes_back(tmp_path: Path, workspace: Path) -> None:
    name = os.fsdecode(b"inputs/caf\xe9.csv")
    (workspace / name).write_text("1")
    pack(tmp_path / "b.tar.gz", workspace, LAYOUT, copy_database)
    (tmp_path / "new").mkdir()
    unpack(tmp_path / "b.tar.gz", tmp_path / "new", LAYOUT)
    assert (tmp_path / "new" / name).read_text() == "1"


def test_links_are_named_and_left_out(tmp_path: Path, workspace: Path) -> None:
    (workspace / "inputs" / "away").symlink_to("/etc")
    (workspace / "inputs" / "passwords.txt").symlink_to("/etc/passwd")
    packed = pack(tmp_path / "b.tar.gz", workspace, LAYOUT, copy_database)
    assert packed.links == ("inputs/away", "inputs/passwords.txt")
    assert packed.files == 5


def test_an_existing_file_is_left_as_it_is_unless_told(tmp_path: Path, workspace: Path) -> None:
    target = tmp_path / "b.tar.gz"
    target.write_text("precious")
    with pytest.raises(UsageError, match="--force"):
        pack(target, workspace, LAYOUT, copy_database)
    assert target.read_text() == "precious"
    assert pack(target, workspace, LAYOUT, copy_database, overwrite=True).archive_bytes == target.stat().st_size


@pytest.mark.parametrize(
    ("target", "advice"),
    [("workspace/b.tar.gz", "outside"), ("nowhere/b.tar.gz", "make it first"), ("", "a file in it")],
)
def test_a_backup_has_a_place_of_its_own(tmp_path: Path, workspace: Path, target: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice):
        pack(tmp_path / target, workspace, LAYOUT, copy_database)


def test_a_full_disk_is_told_with_the_place_and_leaves_nothing(tmp_path: Path, workspace: Path) -> None:
    def out_of_room(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreUnavailable, match=r"no room for the backup '.*b\.tar\.gz': free some space there"):
        pack(tmp_path / "b.tar.gz", workspace, LAYOUT, out_of_room)
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_a_copy_that_fails_leaves_no_archive(tmp_path: Path, workspace: Path) -> None:
    def fail(copy: Path) -> None:
        copy.write_bytes(b"half")
        raise UsageError(copy.name)

    with pytest.raises(UsageError):
        pack(tmp_path / "b.tar.gz", workspace, LAYOUT, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


HOSTILE = {
    "a path upwards": entry("../evil.txt"),
    "a path upwards within": entry("outputs/../../evil.txt"),
    "an absolute path": entry("/tmp/evil.txt"),  # noqa: S108 - it is refused
    "a path with detours": entry("./marketeer.db"),
    "the folder itself": entry(".", b"", type=tarfile.DIRTYPE),
    "a symbolic link": entry("inputs/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": entry("inputs/link", b"", type=tarfile.LNKTYPE, linkname="marketeer.db"),
    "a device": entry("inputs/null", b"", type=tarfile.CHRTYPE),
    "a pipe": entry("inputs/pipe", b"", type=tarfile.FIFOTYPE),
    "changes for the database": entry("marketeer.db-wal"),
    "the same in capitals": entry("MARKETEER.DB-WAL"),
    "a git configuration": entry(".git/config"),
    "a nested one": entry("inputs/.GIT/config"),
    "a key": entry(".env"),
    "a second database": entry("marketeer.db", b"another"),
    "a file below a file": entry("marketeer.db/inside"),
    "a folder in the database's place": entry("marketeer.db", b"", type=tarfile.DIRTYPE),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_backup_holds_is_refused_and_writes_nothing_elsewhere(tmp_path: Path, hostile: Entry) -> None:
    source = write_archive(tmp_path / "b.tar.gz", hostile)
    with staging(tmp_path / "deep" / "new") as folder, pytest.raises(UsageError, match="use another one"):
        unpack(source, folder, LAYOUT)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["b.tar.gz", "deep"]


def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path) -> None:
    source = write_archive(tmp_path / "b.tar.gz", entry("inputs/zeros", bytes(4_000_000)))
    (tmp_path / "new").mkdir()
    with pytest.raises(UsageError, match="more than 1,000,000 bytes"):
        unpack(source, tmp_path / "new", LAYOUT, limit_bytes=1_000_000)
    assert sum(len(content) for content in files_below(tmp_path / "new").values()) <= 1_000_000


def test_a_header_as_large_as_a_file_is_refused_as_well(tmp_path: Path) -> None:
    source = write_archive(tmp_path / "b.tar.gz", entry("././@PaxHeader", bytes(4_000_000), type=tarfile.XHDTYPE))
    with pytest.raises(UsageError, match="more than 1,000,000 bytes"):
        unpack(source, tmp_path, LAYOUT, limit_bytes=1_000_000)


def test_an_archive_with_too_many_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 3)
    source = write_archive(tmp_path / "b.tar.gz", *(entry(f"inputs/{n}") for n in range(3)))
    (tmp_path / "new").mkdir()
    with pytest.raises(UsageError, match="more than 3 entries"):
        unpack(source, tmp_path / "new", LAYOUT)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # of the checksum: the text itself still unpacks
    path.write_bytes(content)


def no_archive(path: Path) -> None:
    path.write_text("# Plan\n")


def no_tar(path: Path) -> None:
    path.write_bytes(gzip.compress(b"# Plan\n" * 1000))


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("plan.md"), io.BytesIO())


@pytest.mark.parametrize("damage", [cut, flip_a_bit, no_archive, no_tar, nothing, no_database])
def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path, workspace: Path, damage: Callable[[Path], None]) -> None:
    source = tmp_path / "b.tar.gz"
    pack(source, workspace, LAYOUT, copy_database)
    damage(source)
    (tmp_path / "new").mkdir()
    with pytest.raises(UsageError, match="no backup of marketeer"):
        unpack(source, tmp_path / "new", LAYOUT)


def test_what_is_in_the_place_is_put_aside_whole(tmp_path: Path, workspace: Path) -> None:
    before = files_below(workspace)
    for number in (1, 2):
        with staging(workspace) as folder:
            (folder / "marketeer.db").write_bytes(DATABASE)
            aside = put_in_place(folder, workspace)
        assert aside == tmp_path / f"workspace.before-restore-{number}"
    assert files_below(tmp_path / "workspace.before-restore-1") == before
    assert files_below(workspace) == {"marketeer.db": DATABASE}


def test_nothing_changes_when_it_cannot_be_put_in_place(tmp_path: Path, workspace: Path) -> None:
    before = files_below(workspace)
    with pytest.raises(UsageError, match="new folder"):
        put_in_place(tmp_path / "not there", workspace)
    assert files_below(workspace) == before
