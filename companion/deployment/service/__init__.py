"""A model behind HTTP: batched without changing an answer, bounded in all that clients send, silent about text."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "app": ("serve_app",),
        "batching": ("Batcher",),
        "models": ("ModelRegistry", "ServedModel"),
        "server": ("run_service", "serve_in_thread"),
        "settings": ("ServiceSettings",),
    },
)
