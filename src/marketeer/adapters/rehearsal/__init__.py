"""The offline stand-in for the model: writes real documents from the product context, without a key or a network."""

from marketeer.adapters.rehearsal.model import RehearsalModel

__all__ = ["RehearsalModel"]
