"""Two processes started from a notebook: `accelerate.notebook_launcher` and the losses of one process."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import nbclient
import nbformat
import pytest

from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.tiny import digest, tiny_batches, tiny_tagger

pytestmark = pytest.mark.two_process
ROOT = Path(__file__).parents[3]
SETTINGS = {"epochs": 1, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu", "piece_budget": 40}

CELLS = (
    """
import json, os
from pathlib import Path
import companion

def train_here(folder):
    from companion.objectives import TokenCrossEntropy
    from tests.tiny import digest, tiny_batches, tiny_tagger

    rank = int(os.environ["RANK"])
    config = companion.TrainConfig(**{settings})
    run = companion.train(tiny_tagger(seed=rank), tiny_batches(16), TokenCrossEntropy(), config)
    found = {{"losses": run.losses, "weights": digest(run.model.state_dict()), "world": os.environ["WORLD_SIZE"]}}
    Path(folder, f"rank-{{rank}}.json").write_text(json.dumps(found))
""",
    """
from accelerate import notebook_launcher

notebook_launcher(train_here, args=({folder!r},), num_processes=2, use_port="{port}")
""",
)


def test_a_function_of_a_notebook_trains_in_two_processes_as_in_one(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = {"settings": SETTINGS, "folder": str(tmp_path), "port": port}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.format(**values)) for cell in CELLS])
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    first, second = (json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["world"] == "2"
    one = train(tiny_tagger(), tiny_batches(16), TokenCrossEntropy(), TrainConfig(**SETTINGS), say=lambda line: None)
    assert len(one.losses) == 4
    assert first["losses"] == pytest.approx(one.losses, rel=1e-5)
    assert first["weights"] != digest(tiny_tagger().state_dict()), "and it did train"
