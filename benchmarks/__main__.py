"""`python -m benchmarks [NAME ...]` measures, prints a table, and writes it where it is told to."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from benchmarks import (
    caching,
    hands,
    history,
    inflight,
    learning,
    memory,
    money,
    overhead,
    recall,
    startup,
    throughput,
    watching,
    webhooks,
)
from benchmarks.figures import Place, Result
from benchmarks.machine import this_machine
from benchmarks.report import as_json, as_markdown

# The lighter ones first, so that what heats the machine does not warp them.
BENCHMARKS: dict[str, Callable[[Place], Result]] = {
    "startup": startup.run,
    "overhead": overhead.run,
    "inflight": inflight.run,
    "memory": memory.run,
    "caching": caching.run,
    "money": money.run,
    "recall": recall.run,
    "learning": learning.run,
    "throughput": throughput.run,
    "watching": watching.run,
    "hands": hands.run,
    "webhooks": webhooks.run,
    "history": history.run,
}
TINY: dict[str, Callable[[Place], Result]] = {
    "startup": partial(startup.run, size=startup.TINY),
    "overhead": partial(overhead.run, size=overhead.TINY),
    "inflight": partial(inflight.run, size=inflight.TINY),
    "memory": partial(memory.run, size=memory.TINY),
    "caching": partial(caching.run, size=caching.TINY),
    "money": partial(money.run, size=money.TINY),
    "recall": partial(recall.run, size=recall.TINY),
    "learning": partial(learning.run, size=learning.TINY),
    "throughput": partial(throughput.run, size=throughput.TINY),
    "watching": partial(watching.run, size=watching.TINY),
    "hands": partial(hands.run, size=hands.TINY),
    "webhooks": partial(webhooks.run, size=webhooks.TINY),
    "history": partial(history.run, size=history.TINY),
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    unknown = sorted(set(arguments.names) - BENCHMARKS.keys())
    if unknown:
        print(f"no benchmark {', '.join(map(repr, unknown))}: choose from {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    chosen = TINY if arguments.tiny else BENCHMARKS
    with tempfile.TemporaryDirectory(prefix="marketeer-bench-", dir=arguments.folder) as folder:
        machine = this_machine(Path(folder))
        results = [_measured(chosen[name], name, Path(folder)) for name in arguments.names or chosen]
    page = as_markdown(machine, results, _today())
    print(page.partition("## The same as JSON")[0])
    if arguments.markdown:
        arguments.markdown.write_text(page, encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(as_json(machine, results, _today()) + "\n", encoding="utf-8")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run, all without: {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON, profiles included")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the results as a page")
    parser.add_argument("--folder", type=Path, help="work on the disk this folder lies on; default: the temporary one")
    parser.add_argument("--tiny", action="store_true", help="so little work that only its success means anything")
    return parser.parse_args(argv)


def _measured(run: Callable[[Place], Result], name: str, folder: Path) -> Result:
    began = time.perf_counter()
    print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
    result = run(Place(folder=folder))
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return result


def _today() -> date:
    return datetime.now(UTC).date()


if __name__ == "__main__":
    sys.exit(main())
