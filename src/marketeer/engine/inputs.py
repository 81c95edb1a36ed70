"""What an output was made from, as its specialist read it: its review holds it against the same texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marketeer.domain.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """`context` is the product context that was in force; `texts` are upstream outputs and the goal's inputs, by
    path."""

    context: Document | None
    texts: Mapping[str, str]
