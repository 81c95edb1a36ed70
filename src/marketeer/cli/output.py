"""Where a command writes: results on stdout, everything else on stderr, and a reader who left stops nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

LONGEST_ERROR = 900


def prepare_streams() -> None:
    """What a terminal or pipe cannot show is written as an escape instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def say(text: str = "") -> bool:
    """A line of the result, for people. False in the moment in which its reader turns out to have gone."""
    return _write(sys.stdout, f"{text}\n")


def raw(text: str) -> None:
    """A piece of a result that is not for people."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """A line beside the result."""
    _write(sys.stderr, f"{text}\n")


def document(content: Mapping[str, Any]) -> None:
    """The one JSON document of a `--json` command."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    _write(sys.stdout, json.dumps(content, ensure_ascii=encoding != "utf8", indent=2) + "\n")


def error_line(text: str) -> None:
    """`marketeer: <what>; <what to do>`, always one line; what is too long is cut in the middle, as the end advises."""
    line = " ".join(text.split())
    if len(line) > LONGEST_ERROR:
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    note(f"marketeer: {line}")


def _write(stream: TextIO, text: str) -> bool:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _into_nothing(stream)
        return False
    return True


def _into_nothing(stream: TextIO) -> None:
    """The reader has gone (`| head`): work goes on, unheard, and Python's own flush at the end finds nothing to do."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
