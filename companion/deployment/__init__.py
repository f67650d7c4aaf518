"""Out of the notebook: text in, entities or a label out."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {"adapters": ("AdapterSet",), "predictor": ("FoundEntity", "Predictor", "TextPredictor", "load")},
)
