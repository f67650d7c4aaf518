"""The third choice: what is trainable."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "contract": ("Adaptation",),
        "methods": ("Full", "HeadOnly", "TopLayers"),
        "apply": ("adapt", "adaptation_of", "trainable_table"),
    },
)
