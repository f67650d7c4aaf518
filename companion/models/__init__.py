"""Encoder and head: what is fine-tuned."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "averaging": ("Ensemble", "RunningAverage", "average_models", "average_weights"),
        "decoder": ("Decoder", "MiniDecoder", "chat_tokenizer", "load_decoder", "mini_decoder"),
        "sampling": ("next_piece_probabilities",),
        "encoder": ("Encoder", "load_encoder"),
        "pooling": ("MeanPooledClassifier", "mean_pool", "mean_pooled"),
        "miniature": ("MiniEncoder", "mini_encoder", "save_mini", "word_tokenizer"),
        "minibert": ("MiniBert", "MiniBertForMaskedLM", "MiniBertForTokenClassification"),
        "rewriting": ("MaskedGuesses", "Translator", "back_translate"),
        "shared": ("SharedBody", "model_for"),
        "origin": ("exporter_of", "remember_exporter"),
    },
)
