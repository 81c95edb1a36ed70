"""Writes team/wording.json anew from the example goals in team/wording.yaml."""

from __future__ import annotations

from marketeer.adapters.routing_file import WORDING
from marketeer.adapters.wording_file import wording_table

if __name__ == "__main__":
    WORDING.write_text(wording_table(), encoding="utf-8")
