"""Sequences of triples: what to run when the choices are the usual ones."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "multi_task": ("MultiTask", "multi_task_fine_tune"),
        "continual": ("Learned", "learn_in_sequence"),
        "distilling": ("distil",),
        "supervised": ("FineTuned", "fine_tune"),
        "tuning": ("tune",),
        "tuning_outcome": ("Optimism", "Trial", "Tuned"),
        "tuning_space": ("Choice", "LogUniform", "Uniform", "default_space", "read_space"),
    },
)
