"""Out of the notebook: text in, entities or a label out."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "adapters": ("AdapterSet",),
        "bursts": ("BurstAlarm",),
        "compression": ("Parity", "ParityBound", "export_onnx"),
        "predictor": ("FoundEntity", "Predictor", "TextPredictor", "load"),
        "rounding": ("Rounded", "round_matrix", "round_weights"),
        "service.app": ("serve_app",),
    },
)
