"""The second choice: what is minimised."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "contract": ("Batch", "Objective"),
        "masked_lm": ("CausalLMCrossEntropy", "MaskedLMCrossEntropy"),
        "penalty": ("Orthogonality", "Penalised"),
        "supervised": ("TokenCrossEntropy",),
        "targets": ("MultiLabelCrossEntropy", "SquaredError"),
    },
)
