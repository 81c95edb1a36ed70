"""The Redis that other tests rely on is a real one, and it is gone afterwards."""

from __future__ import annotations

import os
import socket

import pytest

from marketeer.testing import RedisServer
from marketeer.testing.redis_server import NoRedisProgram, redis_program


def test_it_answers_in_its_block_and_is_gone_behind_it() -> None:
    with RedisServer() as server:
        assert server.command("SET", "key", "value") == b"+OK\r\n"
        pid, port = server.pid, server.port
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_what_it_acknowledged_survives_a_crash_only_when_it_writes_it_down() -> None:
    with RedisServer(append_only=True) as durable, RedisServer() as forgetful:
        for server in (durable, forgetful):
            server.command("SET", "key", "value")
            port = server.port
            server.kill()
            server.start()
            assert server.port == port
        assert durable.command("EXISTS", "key") == b":1\r\n"
        assert forgetful.command("EXISTS", "key") == b":0\r\n"


def test_a_password_is_asked_for_where_one_is_set() -> None:
    with RedisServer(password="open sesame") as server:
        assert server.command("PING") == b"+PONG\r\n"
        server.password = "wrong"
        assert b"NOAUTH" in server.command("PING")


def test_without_any_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("marketeer.testing.redis_server.CARRIER", "no_such_package_at_all")
    with pytest.raises(NoRedisProgram, match="install redis-server"):
        redis_program()
