"""One kind of task: its head, encoding, objective, metric and export."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "answering": ("AnswerEvaluator",),
        "causal_lm": ("PLAIN_TEMPLATE", "CausalLMTask"),
        "cloze": ("ClozePrompt",),
        "inference": ("TagPrediction",),
        "masked_lm": ("MaskedLMTask",),
        "recall": ("AnswerMemory", "Recalled"),
        "retrieval": ("SearchHit", "TextIndex"),
        "prompting": ("NearestLabel", "VectorReader", "centroids", "draw_evenly", "label_sentences"),
        "scoring": ("TextEvaluator", "TokenEvaluator", "evaluate"),
        "texts": ("TextPrediction", "TextTask"),
        "tokens": ("TokenTask",),
        "writing": ("Answer", "write_answers"),
    },
)
