"""Claude behind the ModelClient port: the one package that knows the anthropic SDK.

The SDK takes seconds to import, so only functions import it, and `warm_up` does it on a thread ahead of the first call.
"""

from marketeer.adapters.claude.answer import usage_of
from marketeer.adapters.claude.model import ClaudeModel
from marketeer.adapters.claude.retry_after import retry_after_s
from marketeer.adapters.claude.turns import AdaptiveLimit

__all__ = ["AdaptiveLimit", "ClaudeModel", "retry_after_s", "usage_of"]
