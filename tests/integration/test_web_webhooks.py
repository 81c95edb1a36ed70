"""Webhooks over a real socket: every status, who is let in, and that what is answered is kept."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from marketeer.logs import configure_logs
from marketeer.testing.clock import FakeClock
from tests.support.web import TOKEN, Answer, Site, a_site, request

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
SHOP = "whsec_" + base64.b64encode(b"the secret of the shop, old").decode()
SHOP_NEW = "whsec_" + base64.b64encode(b"the secret of the shop, new").decode()
CRM = "whsec_" + base64.b64encode(b"the secret of the customers").decode()
SOURCES = f"shop={SHOP}, shop={SHOP_NEW}, crm={CRM}"


def event(event_id: str = "e-1", **other: Any) -> dict[str, Any]:
    drop = {"percentageDrop": 25, "page": "/pricing"}
    known = {"id": event_id, "type": "traffic_drop", "timestamp": "2026-11-22T18:00:00Z", "source": "analytics"}
    return known | {"data": drop} | other


def signed(body: bytes, secret: str, *, at: datetime = NOW, message_id: str = "msg_1") -> dict[str, str]:
    signature = Webhook(secret).sign(message_id, at, body.decode())
    sent = str(int(at.timestamp()))
    return {"webhook-id": message_id, "webhook-timestamp": sent, "webhook-signature": signature}


async def post_signed(site: Site, content: dict[str, Any], headers: dict[str, str]) -> Answer:
    return await site.post("/webhook", json.dumps(content).encode(), token=None, headers=headers)


# -- the statuses ----------------------------------------------------------------------------------------------


async def test_an_event_is_kept_before_it_is_answered_with_what_it_will_do(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        answer = await site.post("/webhook", event())
        assert answer.status == 202
        assert (answer.document["id"], answer.document["duplicate"]) == ("e-1", False)
        assert answer.document["effect"] == ["starts a goal: SEO Cycle (P1)"]
        assert (await site.office.store.event("e-1")).event.data["percentageDrop"] == 25


async def test_an_event_that_triggers_nothing_is_told_why(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        answer = await site.post("/webhook", event(data={"percentageDrop": 5}))
        assert answer.status == 202
        assert "percentageDrop" in " ".join(answer.document["effect"])


async def test_the_same_event_ten_times_at_once_is_kept_once_and_later_answered_with_its_goal(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        answers = await asyncio.gather(*(site.post("/webhook", event()) for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [200] * 9 + [202]
        assert await site.office.event_bus(rehearsal=True).process() == 1
        (goal,) = await site.office.store.goals(limit=5)
        again = await site.post("/webhook", event())
        assert (again.status, again.document["goals"], again.document["differs"]) == (200, [goal.goal_id], False)
        other = await site.post("/webhook", event(data={"percentageDrop": 99}))
        assert (other.status, other.document["differs"]) == (200, True)


async def test_every_wrong_field_is_named_with_the_valid_types(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        wrong = {"id": "", "type": "trafic_drop", "timestamp": "yesterday", "source": 7, "data": [], "colour": "red"}
        answer = await site.post("/webhook", wrong)
        assert answer.status == 400
        assert {field["field"] for field in answer.document["fields"]} == set(wrong)
        assert "traffic_drop" in answer.document["valid_types"]
        assert await site.office.store.events(limit=5) == []


async def test_who_shows_neither_token_nor_signature_is_refused_before_the_body_is_read(tmp_path: Path) -> None:
    async with a_site(tmp_path, webhook_sources=SOURCES) as site:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            # a body is announced and never sent
            head = {"Content-Type": "application/json", "Content-Length": "100000", **headers}
            answer = await site.raw(request("POST", "/webhook", token=None, headers=head))
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_without_any_secret_webhooks_are_refused_naming_the_variable(tmp_path: Path) -> None:
    async with a_site(tmp_path, webhook_token=None) as site:
        answer = await site.post("/webhook", event())
        assert (answer.status, "WEBHOOK_TOKEN" in answer.document["error"]) == (503, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_what_is_no_plain_json_is_a_415(tmp_path: Path, headers: dict[str, str]) -> None:
    async with a_site(tmp_path) as site:
        assert (await site.post("/webhook", event(), headers=headers)).status == 415


async def test_a_source_that_sends_too_much_is_told_when_to_go_on_and_others_are_not_held_up(tmp_path: Path) -> None:
    clock = FakeClock(start=NOW)
    async with a_site(tmp_path, clock=clock, webhook_per_minute=6) as site:
        answers = [await site.post("/webhook", event(f"e-{n}")) for n in range(7)]
        assert [answer.status for answer in answers] == [202] * 6 + [429]
        assert answers[-1].headers["retry-after"] == "70"
        assert (await site.post("/webhook", event("e-11", source="another"))).status == 202
        clock.advance(69)
        assert (await site.post("/webhook", event("e-12"))).status == 429
        clock.advance(1)
        assert (await site.post("/webhook", event("e-12"))).status == 202


# -- signatures ------------------------------------------------------------------------------------------------


async def test_what_a_source_has_signed_is_taken_and_the_signature_says_who_it_is(tmp_path: Path) -> None:
    async with a_site(tmp_path, clock=FakeClock(start=NOW), webhook_sources=SOURCES, webhook_token=None) as site:
        content = {name: value for name, value in event().items() if name not in ("id", "source")}
        answer = await post_signed(site, content, signed(json.dumps(content).encode(), SHOP))
        assert (answer.status, answer.document["id"]) == (202, "msg_1")
        assert (await site.office.store.event("msg_1")).event.source == "shop"


async def test_a_source_may_change_its_secret_and_send_several_signatures(tmp_path: Path) -> None:
    async with a_site(tmp_path, clock=FakeClock(start=NOW), webhook_sources=SOURCES) as site:
        content = event(source="shop")
        body = json.dumps(content).encode()
        new = signed(body, SHOP_NEW)
        assert (await post_signed(site, content, new)).status == 202
        several = f"v1,bm9uc2Vuc2U= v1a,xxx v1,*** nonsense {new['webhook-signature']}"
        assert (await post_signed(site, content, new | {"webhook-signature": several})).status == 200


async def test_nobody_signs_in_anothers_name(tmp_path: Path) -> None:
    async with a_site(tmp_path, clock=FakeClock(start=NOW), webhook_sources=SOURCES) as site:
        content = event(source="shop")
        answer = await post_signed(site, content, signed(json.dumps(content).encode(), CRM))
        assert (answer.status, answer.document["fields"][0]["field"]) == (400, "source")


@pytest.mark.parametrize(
    ("change", "body_change"),
    [
        ({"webhook-id": "msg_2"}, b""),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, b""),
        ({"webhook-signature": "v1,AAAA"}, b""),
        ({"webhook-signature": "v1"}, b""),
        ({"webhook-signature": "\x7f\xe4,"}, b""),
        ({}, b" "),
    ],
    ids=str,
)
async def test_a_signature_of_something_else_is_a_401(
    tmp_path: Path, change: dict[str, str], body_change: bytes
) -> None:
    async with a_site(tmp_path, clock=FakeClock(start=NOW), webhook_sources=SOURCES) as site:
        body = json.dumps(event(source="shop")).encode()
        headers = signed(body, SHOP) | change
        answer = await site.post("/webhook", body + body_change, token=None, headers=headers)
        assert answer.status == 401
        assert await site.office.store.events(limit=5) == []


@pytest.mark.parametrize(("minutes", "status"), [(-4.9, 202), (4.9, 202), (-5.1, 401), (5.1, 401)])
async def test_a_signature_holds_for_five_minutes_of_our_clock(tmp_path: Path, minutes: float, status: int) -> None:
    async with a_site(tmp_path, clock=FakeClock(start=NOW), webhook_sources=SOURCES) as site:
        content = event(source="shop")
        at = NOW + timedelta(minutes=minutes)
        answer = await post_signed(site, content, signed(json.dumps(content).encode(), SHOP, at=at))
        assert answer.status == status


@pytest.mark.parametrize("sent", ["1e9", "-1", "", "nan", "9" * 40])
async def test_a_timestamp_that_is_no_time_is_a_401(tmp_path: Path, sent: str) -> None:
    async with a_site(tmp_path, webhook_sources=SOURCES) as site:
        headers = signed(b"{}", SHOP) | {"webhook-timestamp": sent}
        assert (await site.post("/webhook", b"{}", token=None, headers=headers)).status == 401


# -- what is told to nobody ------------------------------------------------------------------------------------


async def test_the_log_has_a_line_for_each_request_with_its_ids_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_site(tmp_path, webhook_sources=SOURCES) as site:
        configure_logs("info", "json", site.office.settings.secrets())
        try:
            await site.post("/webhook?token=" + TOKEN, event(data={"note": TOKEN}))
            await site.post("/webhook", event("e-2"), token="guess-of-a-token")
        finally:
            configure_logs("error", "json", ())
            logging.getLogger("marketeer").setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line for line in lines if line["event"] == "request"]
    assert [(line["status"], line["path"], line.get("event_id")) for line in told] == [
        (202, "/webhook", "e-1"),
        (401, "/webhook", None),
    ]
    for secret in (TOKEN, "guess-of-a-token", SHOP, SHOP.removeprefix("whsec_"), CRM):
        assert secret not in json.dumps(lines)
