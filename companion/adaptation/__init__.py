"""The third choice: what is trainable."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "contract": ("Adaptation",),
        "methods": ("BitFit", "Full", "HeadOnly", "TopLayers"),
        "bottleneck": ("Bottleneck", "BottleneckAdapter"),
        "low_rank": ("AdaLoRA", "LoRA"),
        "prompts": ("PrefixTuning", "PromptTuning"),
        "shrinking": ("Pruning", "drop_layers", "sparsity"),
        "allocation": ("ranks",),
        "merging": ("can_merge", "merge"),
        "apply": ("adapt", "adaptation_of", "count_trainable", "trainable_table"),
    },
)
