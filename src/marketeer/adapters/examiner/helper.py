"""The helper: a process that examines and compares."""

from __future__ import annotations

import socket
from typing import Any

from marketeer.adapters.examiner.wire import Asked, Receiver
from marketeer.domain.contradiction import Contradiction
from marketeer.domain.examination import Exam, Examined, compare, examine
from marketeer.helper.serving import Answer, serve


def main() -> None:
    serve(_prepared)


def _prepared(_: socket.socket) -> Answer:
    receiver = Receiver()

    def answer(*sent: Any) -> Examined | tuple[Contradiction, ...] | None:
        return _answer(receiver.asked(*sent))

    return answer


def _answer(asked: Asked) -> Examined | tuple[Contradiction, ...] | None:
    try:
        return examine(asked) if isinstance(asked, Exam) else compare(asked)
    except Exception:  # noqa: BLE001 - the parent works it out itself, and meets the error where it can be told
        return None


if __name__ == "__main__":
    main()
