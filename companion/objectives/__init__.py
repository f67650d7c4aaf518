"""The second choice: what is minimised."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "contract": ("Batch", "Objective"),
        "adversarial": ("FGM", "PGD", "perturbed", "word_tables"),
        "anchors": ("EWC", "L2SP", "fisher_diagonal"),
        "distillation": ("Distillation",),
        "masked_lm": ("CausalLMCrossEntropy", "MaskedLMCrossEntropy"),
        "mixture": ("Mixture",),
        "penalty": ("Orthogonality", "Penalised"),
        "supervised": ("TokenCrossEntropy",),
        "surgery": ("cosines", "pcgrad", "term_gradients"),
        "targets": ("MultiLabelCrossEntropy", "SquaredError"),
    },
)
