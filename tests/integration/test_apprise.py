"""Notices reach a mail server and an HTTP server, and say so when they do not."""

from __future__ import annotations

import json

import pytest

from marketeer.adapters.apprise_notifier import AppriseNotifier, channel_name
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.notice import Message
from marketeer.logs import configure_logs
from marketeer.ports import NotSent
from tests.support.sinks import Sink, http_sink, smtp_sink
from tests.support.waiting import wait_until

MESSAGE = Message(title="Marketeer: 2 things", body="- one\n- two & three")


def mail_to(sink: Sink) -> str:
    return f"mailto://127.0.0.1:{sink.port}?from=team@example.com&to=me@example.com&mode=insecure"


def post_to(sink: Sink) -> str:
    return f"json://anna:hunter2@127.0.0.1:{sink.port}/hook"


async def test_a_mail_server_gets_title_and_body() -> None:
    async with smtp_sink() as sink:
        notifier = AppriseNotifier([mail_to(sink)])
        await notifier.send(notifier.channels[0], MESSAGE)
        (mail,) = sink.taken
    assert "To: me@example.com" in mail
    assert "Subject: Marketeer: 2 things" in mail
    assert "- one" in mail


async def test_an_http_server_gets_title_and_body() -> None:
    async with http_sink() as sink:
        notifier = AppriseNotifier([post_to(sink)])
        await notifier.send(notifier.channels[0], MESSAGE)
        told = json.loads(sink.taken[0])
    assert told["title"] == MESSAGE.title
    assert told["message"] == MESSAGE.body


async def test_a_server_that_refuses_is_told_with_its_reason_and_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("debug", "json", [])
    async with http_sink() as sink:
        sink.refuses = True
        notifier = AppriseNotifier([post_to(sink)])
        with pytest.raises(NotSent, match="503"):
            await notifier.send(notifier.channels[0], MESSAGE)
    assert capsys.readouterr().err == ""


async def test_a_mail_server_that_refuses_is_told() -> None:
    async with smtp_sink() as sink:
        sink.refuses = True
        notifier = AppriseNotifier([mail_to(sink)])
        with pytest.raises(NotSent):
            await notifier.send(notifier.channels[0], MESSAGE)
    assert sink.taken == []


async def test_a_server_that_never_answers_costs_its_time_limit_and_no_more() -> None:
    async with http_sink() as sink:
        sink.silent = True
        notifier = AppriseNotifier([post_to(sink)], timeout_s=0.3)
        with pytest.raises(NotSent, match=r"no answer within 0\.3 s"):
            await notifier.send(notifier.channels[0], MESSAGE)
        await wait_until(lambda: sink.gone == 1)


async def test_a_channel_is_named_by_its_kind_and_nothing_secret() -> None:
    name = channel_name("slack://tokenA/tokenB/tokenC")
    assert name.startswith("slack:")
    assert "token" not in name
    assert name == channel_name("slack://tokenA/tokenB/tokenC") != channel_name("slack://tokenA/tokenB/other")


def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it() -> None:
    notifier = AppriseNotifier(["json://127.0.0.1:9/x", "nonsense://hunter2"])
    with pytest.raises(ConfigurationError, match=r"address 2 \(nonsense:") as refused:
        notifier.check()
    assert "hunter2" not in str(refused.value)
