"""`python -m marketeer` and the `marketeer` command."""

from __future__ import annotations

import gc
import signal
import sys

# Loading makes hundreds of thousands of objects that all stay. Looking through them every 700, as Python would, takes a
# tenth of the time until a command does something; cycles that are garbage are rare here and wait a little longer.
LOOK_FOR_GARBAGE_EVERY = 50_000


def main() -> int:
    """Run the command line and return its exit code."""
    gc.set_threshold(LOOK_FOR_GARBAGE_EVERY)
    try:
        from marketeer.cli.app import main as run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("marketeer: interrupted; nothing is lost, go on with `marketeer resume`\n")
        return 130
    finally:
        # The outcome is settled: a signal in the interpreter's last moments would only replace the exit code.
        for late in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(late, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
