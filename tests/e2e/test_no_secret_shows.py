"""No secret shows: not in what commands say, not in logs at their most talkative, not in any byte they leave."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from marketeer.cli import errors
from marketeer.cli.app import main
from marketeer.cli.common import called
from marketeer.domain.goal import GoalStatus
from tests.e2e.conftest import Cli, Finished
from tests.e2e.harness import fake_claude
from tests.integration import desk

# None looks like a secret: they must be known to be masked. The key's characters differ when quoted.
KEY = "corp-7f3a/9c+proxy=key"
PASSWORDS = {
    "server": "gate-pass-4411",
    "redis": "redis-pass-5522",
    "database": "postgres-pass-6633",
    "notify": "bot-token-7744",
    "webhook": "hook-token-8855",
}
SECRETS = (KEY, *PASSWORDS.values())
ECHO = f"the gateway got 'authorization: Bearer {KEY}' for gate:{PASSWORDS['server']} ({quote(KEY, safe='')})"
# What its log lines must name when they are about one item.
IDS = {"item", "goal_id", "task_id"}


def spellings(secret: str) -> set[bytes]:
    plain = secret.encode()
    variants = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(plain).decode().rstrip("=")}
    return {variant.encode() for variant in variants}


FORBIDDEN = frozenset[bytes]().union(*map(spellings, SECRETS))


def leaked(content: bytes) -> list[bytes]:
    return [secret for secret in FORBIDDEN if secret in content]


def assert_nothing_leaked(folder: Path, said: list[Finished]) -> None:
    for result in said:
        assert leaked((result.out + result.err).encode()) == [], f"{result.out}\n{result.err}"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "marketeer.db" for path in files)
    assert {str(path): found for path in files if (found := leaked(path.read_bytes()))} == {}


@pytest.fixture
def secretive(cli: Cli) -> Cli:
    cli.variables |= {
        "ANTHROPIC_API_KEY": KEY,
        "REDIS_PASSWORD": PASSWORDS["redis"],
        "DATABASE_URL": f"postgresql://me:{PASSWORDS['database']}@127.0.0.1:1/db",
        "NOTIFY_URLS": f"tgram://{PASSWORDS['notify']}/chat,https://me:{PASSWORDS['notify']}@127.0.0.1/x",
        "WEBHOOK_TOKEN": PASSWORDS["webhook"],
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
    }
    context = cli.folder / "workspace" / "context" / "product-marketing-context.md"
    context.parent.mkdir(parents=True)
    context.write_text(desk.CONTEXT, encoding="utf-8")
    return cli


@pytest.fixture
def gateway(tmp_path: Path, secretive: Cli) -> Iterator[None]:
    """A server behind a password that repeats what it was sent whenever it fails, and fails in every way."""
    # never three failures in a row: work would wait for the server's return
    faults: dict[str, Any] = {
        "1": {"kind": "status", "status": 529, "message": ECHO, "retry_after": "0"},
        "3": {"kind": "stream_error", "message": ECHO, "error_type": "overloaded_error"},
        "5": {"kind": "bad_json", "message": ECHO},
        "6": {"kind": "status", "status": 400, "message": ECHO},
        "7": {"kind": "html", "message": ECHO},
        "8": {"kind": "status", "status": 401, "message": ECHO},
        "9": {"kind": "status", "status": 403, "message": ECHO},
    }
    script = tmp_path / "faults.json"
    script.write_text(json.dumps({"by_number": faults}))
    with fake_claude(tmp_path, "--script", str(script)) as server:
        address = f"http://gate:{PASSWORDS['server']}@{urlsplit(server.url).netloc}"
        secretive.variables["ANTHROPIC_BASE_URL"] = address
        yield


WRONG = {
    "ANTHROPIC_BASE_URL": f"ftp://gate:{PASSWORDS['server']}@nowhere",
    "REDIS_URL": f"rdis://:{PASSWORDS['redis']}@nowhere",
    "ANTHROPIC_API_KEY": f"{KEY} {KEY}",
}


def here(capsys: pytest.CaptureFixture[str], *arguments: str) -> Finished:
    """A reading command within this process, which spares its start."""
    code = main(arguments)
    shown = capsys.readouterr()
    return Finished(code=code, out=shown.out, err=shown.err)


def test_failures_of_every_kind_leave_no_secret_and_every_line_of_an_item_names_its_ids(
    secretive: Cli, gateway: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = secretive
    failed = cli("start", "--pipeline", desk.FAN, "--json")
    assert failed.code == 1, failed.err
    desk.add_small_plans(cli.folder / "workspace")
    refused = cli("start", "--pipeline", desk.SOLO)
    assert (refused.code, "401" in refused.err) == (2, True), refused.err
    for name, value in cli.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cli.folder)
    unreachable = cli("start", "--pipeline", desk.SOLO, REDIS_URL=f"redis://:{PASSWORDS['redis']}@127.0.0.1:1/0")
    assert (unreachable.code, "127.0.0.1:1 does not answer" in unreachable.err) == (2, True), unreachable.err
    said = [failed, refused, unreachable, here(capsys, "doctor", "--live")]
    assert said[-1].code == 2
    said += [here(capsys, *words) for words in (["show", "last"], ["status", "--json"], ["journal", "--all", "--json"])]
    journal = said[-1]
    for name, value in WRONG.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            said.append(here(capsys, "status"))
    said.append(here(capsys, "show", f"https://gate:{PASSWORDS['server']}@nowhere"))
    assert [result.code for result in said[4:]] == [0, 0, 0, 2, 2, 2, 2]
    assert_nothing_leaked(cli.folder, said)
    # the gateway's words were kept, only not the secrets among them
    why = "\n".join(str(entry["why"]) for entry in journal.document["entries"])
    assert "the gateway got" in why
    check_ids(failed.err)


def check_ids(err: str) -> None:
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    of_items = [line for line in lines if "item" in line]
    assert {"item_started", "call_started", "call_done", "call_failed", "item_done"} <= {e["event"] for e in of_items}
    assert [line for line in of_items if not line.keys() >= IDS] == []
    assert [line for line in of_items if ".execute." in line["item"] and not line["task_id"]] == []
    # whatever else is said of a call, a task or a change names the goal
    others = [line for line in lines if "item" not in line]
    assert [line for line in others if {"task_id", "call_id", "who"} & line.keys() and "goal_id" not in line] == []
    assert {line["event"] for line in lines if line["event"].startswith(("call_", "execution_"))} <= {
        line["event"] for line in of_items
    }


async def test_an_error_nobody_expected_is_kept_without_the_secrets_in_its_words(tmp_path: Path) -> None:
    clerk = desk.Clerk()
    clerk.says["analytics-tracking"] = [RuntimeError(ECHO)]
    address = f"http://gate:{PASSWORDS['server']}@127.0.0.1:9"
    async with desk.an_office(tmp_path, clerk, anthropic_api_key=KEY, anthropic_base_url=address) as office:
        goal = await desk.finish(office)
        assert goal.status is GoalStatus.FAILED
        (told, *_) = [why for why in await desk.journal_of(office, goal, "task_failed") if why]
        assert "unexpected RuntimeError: the gateway got" in told
    assert_nothing_leaked(tmp_path, [])


def crash() -> None:
    raise ValueError(ECHO) from KeyError(KEY)


def test_a_crash_report_shows_where_it_happened_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://gate:{PASSWORDS['server']}@127.0.0.1:9")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    called(None, as_json=True)
    with pytest.raises(ValueError, match="gateway") as caught:
        crash()
    assert errors.report(caught.value, as_json=True) == 1
    shown = capsys.readouterr()
    assert "test_no_secret_shows.py" in shown.err
    assert "the gateway got" in json.loads(shown.out)["error"]
    assert leaked((shown.out + shown.err).encode()) == []
