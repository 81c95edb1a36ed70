"""`python -m proofs [NAME ...]` runs the proofs, prints what came of them, and writes it where it is told to.

Exit code 1 says that a promise is broken. A new proof is a module with `run(Options) -> Proof`, and a line below.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import this_machine
from marketeer import __version__
from proofs import bill, daemons, interop, kills, many_hands, outage, race, seconds, slots, soak, weather, webhooks
from proofs.figures import Options, Proof
from proofs.page import Run, section, updated
from tests.e2e.harness import SEED

PROOFS: dict[str, Callable[[Options], Proof]] = {
    "kills": kills.run,
    "weather": weather.run,
    "outage": outage.run,
    "race": race.run,
    "bill": bill.run,
    "webhooks": webhooks.run,
    "redis": many_hands.run,
    "daemons": daemons.run_proof,
    "interop": interop.run_proof,
    "soak": soak.run,
    "slots": slots.run,
    "seconds": seconds.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    unknown = sorted(set(arguments.names) - PROOFS.keys())
    if unknown:
        print(f"no proof {', '.join(map(repr, unknown))}: choose from {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    held = True
    for name in arguments.names or PROOFS:
        held = _prove(name, arguments.jobs, arguments.markdown) and held
    return 0 if held else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proofs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run, all without: {', '.join(PROOFS)}")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many processes may work side by side")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the results into this page")
    return parser.parse_args(argv)


def _prove(name: str, jobs: int, page: Path | None) -> bool:
    """True when it held: then its section is written, as soon as it is known."""
    print(f"{name}, MARKETEER_TEST_SEED={SEED} ...", file=sys.stderr, flush=True)
    began, code = time.perf_counter(), _code()
    with tempfile.TemporaryDirectory(prefix="marketeer-prove-") as folder:
        options = Options(jobs=jobs, seed=SEED, folder=Path(folder))
        machine = this_machine(Path(folder))
        try:
            proof = PROOFS[name](options)
        except Exception:  # noqa: BLE001 - whatever went wrong, it is not proved
            traceback.print_exc()
            print(f"{name} does not hold", file=sys.stderr)
            return False
    took_s = time.perf_counter() - began
    day = datetime.now(UTC).date()
    text = section(Run(proof=proof, options=options, machine=machine, code=code, day=day, took_s=took_s))
    print(f"\n{text}")
    if page is not None:
        known = page.read_text(encoding="utf-8") if page.exists() else ""
        page.write_text(updated(known, {name: text}, tuple(PROOFS)), encoding="utf-8")
    return True


def _code() -> str:
    """What is proved: the version, and the commit where the sources came with their history."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"version {__version__}"
    commit = asked.stdout.strip()
    return f"version {__version__}{f', commit `{commit}`' if commit else ''}"


if __name__ == "__main__":
    sys.exit(main())
