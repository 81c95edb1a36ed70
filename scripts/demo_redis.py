"""Two workers and a real Redis rehearse a goal together. Run by `make demo-redis`."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from marketeer.testing import RedisServer

FOLDER = "demo-workspace"
GOAL = "Increase signup conversion by 20%"
LATENCY_S = "0.5"


def main() -> int:
    with RedisServer() as server, ExitStack() as workers:
        # Nothing of the caller's settings: neither a key nor a Redis of theirs may take part.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}  # noqa: TID251
        environment = kept | {
            "REDIS_URL": server.url,
            "MARKETEER_REHEARSAL_LATENCY_S": LATENCY_S,
            "PYTHONPATH": str(Path(__file__).parent.parent / "src"),
        }

        def marketeer(*arguments: str) -> list[str]:
            return [sys.executable, "-m", "marketeer", *arguments, "--workspace", FOLDER]

        subprocess.run(marketeer("init", "--example"), env=environment, check=True)  # noqa: S603 - our own command
        for _ in range(2):
            worker = subprocess.Popen(marketeer("worker", "--concurrency", "2"), env=environment)  # noqa: S603
            workers.callback(worker.wait)
            workers.callback(worker.terminate)
        done = subprocess.run(marketeer("start", GOAL, "--rehearse"), env=environment, check=False)  # noqa: S603
        subprocess.run(marketeer("workers"), env=environment, check=False)  # noqa: S603
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
