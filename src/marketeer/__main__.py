"""`python -m marketeer` and the `marketeer` command."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line and return its exit code."""
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
