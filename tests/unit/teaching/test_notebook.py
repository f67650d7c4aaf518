import json
import os
import subprocess
import sys

import pytest

from companion.errors import ConfigError
from companion.teaching import start

PROBE = """
import json, os, random, sys, warnings
import matplotlib.figure, torch
before_filters, before_random, before_torch = list(warnings.filters), random.getstate(), torch.get_rng_state()
from companion import teaching
teaching.start()
print(json.dumps({
    "threads": torch.get_num_threads(),
    "matmul": torch.get_float32_matmul_precision(),
    "deterministic": torch.are_deterministic_algorithms_enabled(),
    "quiet": os.environ["HF_HUB_DISABLE_PROGRESS_BARS"],
    "verbosity": os.environ["TRANSFORMERS_VERBOSITY"],
    "facecolor": matplotlib.rcParams["figure.facecolor"],
    "filters": list(warnings.filters) == before_filters,
    "random": random.getstate() == before_random and torch.equal(torch.get_rng_state(), before_torch),
    "transformers": "transformers" in sys.modules,
}))
"""


def probe(**environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env={**kept, **environment}, capture_output=True, check=True, encoding="utf-8"
    )
    line, answer = done.stdout.splitlines()
    return line, json.loads(answer), done.stderr


def test_start_prints_the_profile_and_prepares_the_process():
    line, found, stderr = probe()
    assert line == "profile fast · fp32 · 1 thread"
    assert stderr == ""
    assert found == {
        "threads": 1,
        "matmul": "highest",
        "deterministic": True,
        "quiet": "1",
        "verbosity": "error",
        "facecolor": "none",
        "filters": True,
        "random": True,
        "transformers": False,
    }


def test_what_the_user_has_set_is_kept():
    _, found, _ = probe(TRANSFORMERS_VERBOSITY="info")
    assert found["verbosity"] == "info"
    assert found["quiet"] == "1"


def test_a_process_needs_a_thread():
    with pytest.raises(ConfigError, match="threads=0"):
        start(threads=0)
