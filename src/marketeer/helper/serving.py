"""What runs in a helper: it answers what it is asked, one question after another, until its parent is gone."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from marketeer.helper.wire import LENGTH, READY, frame, unpacked

# From a question to its answer; None: the parent has to work it out itself.
Answer = Callable[..., object]


def serve(prepare: Callable[[socket.socket], Answer]) -> None:
    """The socket is our standard input. A parent that ends, in whatever way, closes the other end.

    Every question is a number and what `Answer` takes.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Whoever stops a whole group of processes means the parent, which has yet to finish what it has in hand.
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as line:
        try:
            answer = prepare(line)
            line.sendall(READY)
            _serve(line, answer)
        except (BrokenPipeError, ConnectionResetError):
            return  # nobody wants the answer any more


def is_gone(line: socket.socket) -> bool:
    """Whether the parent has ended."""
    try:
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _serve(line: socket.socket, answer: Answer) -> None:
    with line.makefile("rb") as questions:
        while head := questions.read(LENGTH.size):
            number, *asked = unpacked(questions.read(*LENGTH.unpack(head)))
            line.sendall(frame((number, answer(*asked))))
