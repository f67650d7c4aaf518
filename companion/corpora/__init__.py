"""What we learn from: records, readers, tag schemes, named corpora."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"catalog": ("load_corpus",), "records": ("Corpus", "Sentence"), "location": ("data_root",)}
)
