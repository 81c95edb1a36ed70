"""The helper: a process that answers what it is asked, one question after another, until its parent is gone."""

from __future__ import annotations

import signal
import socket
from typing import BinaryIO

from marketeer.adapters.examiner.wire import LENGTH, READY, Asked, Receiver, frame
from marketeer.domain.contradiction import Contradiction
from marketeer.domain.examination import Exam, Examined, compare, examine


def main() -> None:
    """The socket is its standard input. A parent that ends, in whatever way, closes the other end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Whoever stops a whole group of processes means the parent, which has yet to finish what it has in hand.
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as line, line.makefile("rb") as questions:
        try:
            line.sendall(READY)
            _serve(line, questions)
        except (BrokenPipeError, ConnectionResetError):
            return  # nobody wants the answer any more


def _serve(line: socket.socket, questions: BinaryIO) -> None:
    receiver = Receiver()
    while head := questions.read(LENGTH.size):
        packed = questions.read(*LENGTH.unpack(head))
        number, asked = receiver.read(packed)
        line.sendall(frame((number, _answer(asked))))


def _answer(asked: Asked) -> Examined | tuple[Contradiction, ...] | None:
    try:
        return examine(asked) if isinstance(asked, Exam) else compare(asked)
    except Exception:  # noqa: BLE001 - the parent works it out itself, and meets the error where it can be told
        return None


if __name__ == "__main__":
    main()
