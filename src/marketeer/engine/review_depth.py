"""What each depth of a review costs: the tier that judges, and how often it may be asked for one output."""

from __future__ import annotations

from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.usage import Tier

MAX_OUTPUT_TOKENS = 4_000
TIERS = {ReviewDepth.STANDARD: Tier.SONNET, ReviewDepth.DEEP: Tier.OPUS}
# An output costs one call at standard depth; in depth an answer that cannot be used is asked for once more.
MAX_CALLS = {ReviewDepth.STANDARD: 1, ReviewDepth.DEEP: 2}
