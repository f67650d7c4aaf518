"""Text into tensors: words meet word pieces, and no label is lost on the way."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "alignment": ("Alignment", "align", "align_many"),
        "audit": (
            "LabelAudit",
            "LabelStrip",
            "Labelled",
            "aligned_labels",
            "audit_labels",
            "audit_sentence",
            "positional_labels",
            "shifted_labels",
        ),
        "contract": ("IGNORE_INDEX", "BatchSource"),
        "ledger": ("Ledger",),
        "masking": ("MaskedBatches", "Masking", "mask_row"),
        "mixing": ("JointBatches", "SampledBatches"),
        "source": ("RowBatches", "TextBatches", "TokenBatches", "pad"),
        "turns": ("TurnBatches", "TurnRow", "answer_labels", "turn_rows"),
        "windows": ("Window", "reassemble"),
    },
)
