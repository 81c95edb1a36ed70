"""A profile by sampling: which function of ours each thread is in, looked at many times a second.

Time in libraries and C code counts for the function of ours that called them. Sampling costs little, sees all threads
of one run at once, and works the same on every Python; single percents mean nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from benchmarks.figures import Share

EVERY_S = 0.002
SWITCH_S = 0.0005
# Where a thread with nothing to do waits.
_IDLE = frozenset(
    {
        ("selectors", "select"),
        ("concurrent.futures.thread", "_worker"),
        ("marketeer.adapters.sqlite.thread", "_run"),
    }
)
_OUR_THREADS = "marketeer-"
_OTHERS = "helpers"
_OURS = "marketeer."


@dataclass(slots=True, kw_only=True)
class Samples:
    """`seen` counts functions by thread; `cpu_s` is what each thread used of a processor."""

    seen: dict[str, Counter[str]] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)
    cpu_s: dict[str, float] = field(default_factory=dict)

    def take(self, thread: str, frame: FrameType) -> None:
        self.looks[thread] += 1
        if _place(frame) not in _IDLE:
            self.seen.setdefault(thread, Counter())[_function_of_ours(frame)] += 1

    def busy(self, thread: str) -> float:
        """The share of the time in which it had something to do."""
        return sum(self.seen.get(thread, Counter()).values()) / max(1, self.looks[thread])

    def shares(self, most: int) -> tuple[Share, ...]:
        return tuple(
            Share(thread=thread, function=function, share=number / sum(counter.values()))
            for thread, counter in sorted(self.seen.items())
            for function, number in counter.most_common(most)
        )


@contextmanager
def sampling() -> Iterator[Samples]:
    """Sample until the block ends: the calling thread (`loop`), those we name, and all others together (`helpers`)."""
    samples, stop = Samples(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(samples, stop, threading.get_ident()), daemon=True)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    sampler.start()
    try:
        yield samples
    finally:
        stop.set()
        sampler.join()
        sys.setswitchinterval(usual)


def _sample(samples: Samples, stop: threading.Event, loop: int) -> None:
    began: dict[int, float] = {}
    me = threading.get_ident()
    while not stop.wait(EVERY_S):
        names = {thread.ident: _label(thread.name) for thread in threading.enumerate()} | {loop: "loop"}
        for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way, for all its underscore
            if ident == me or ident not in names:
                continue
            samples.take(names[ident], frame)
            used = _cpu_s(ident)
            # what it used before the first look is not ours to count
            samples.cpu_s[names[ident]] = samples.cpu_s.get(names[ident], 0.0) + used - began.get(ident, used)
            began[ident] = used


def _label(name: str) -> str:
    return name.removeprefix(_OUR_THREADS) if name.startswith(_OUR_THREADS) else _OTHERS


def _cpu_s(ident: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(ident)) if hasattr(time, "pthread_getcpuclockid") else 0.0


def _place(frame: FrameType) -> tuple[str, str]:
    return str(frame.f_globals.get("__name__", "")), frame.f_code.co_name


def _function_of_ours(frame: FrameType) -> str:
    innermost, at = "{}:{}".format(*_place(frame)), frame
    while True:
        module, _ = _place(at)
        if module.startswith(_OURS):
            return f"{module.removeprefix(_OURS)}:{at.f_code.co_qualname}"
        if at.f_back is None:
            return innermost
        at = at.f_back
