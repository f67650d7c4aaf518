"""The loop that every method shares, and the small modules it stands on."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "config": ("TrainConfig",),
        "loop": ("train",),
        "outcome": ("Run",),
        "loggers": ("tensorboard_log", "wandb_log"),
        "optimizer": ("parameter_groups", "schedule_factor"),
        "checkpoint": ("Checkpoints", "verify_checkpoint"),
        "signals": ("Interrupted", "Stopped"),
    },
)
