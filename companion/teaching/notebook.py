"""The first line of every chapter: one thread, fp32, quiet libraries, the book's figures."""

from __future__ import annotations

import os
import sys

from companion.errors import ConfigError
from companion.teaching.figures import apply

_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


def start(profile: str = "fast", *, threads: int = 1) -> None:
    """Prepare this notebook's process so that its numbers are the same each time, and print the profile.

    PyTorch uses `threads` threads (sums in one order), full fp32 products and deterministic kernels; transformers and
    the Hub draw no progress bars; figures take the book's style. A variable of the environment that is already set is
    kept, random state and warnings are left alone.

    Raises: ConfigError for a number of threads below 1.
    Taught in: book/walkthroughs/train-a-tagger
    """
    if threads < 1:
        raise ConfigError(f"start: threads={threads} is below 1", remedy="Use 1 to repeat the printed numbers.")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import torch

    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    # The same switch as use_deterministic_algorithms(warn_only=True), which also imports a compiler for two seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    _silence_loaded_libraries()
    apply()
    print(f"profile {profile} · fp32 · {threads} thread{'s' * (threads > 1)}")


def _silence_loaded_libraries() -> None:
    """The variables come too late for a library that the kernel has imported already; its own switch does not."""
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.disable_progress_bar()
    if "huggingface_hub" in sys.modules:
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
