"""The progress bar: where somebody watches, by one process, from where the run stands."""

from __future__ import annotations

import sys

import pytest

from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.progress import Progress
from tests.tiny import tiny_batches, tiny_tagger


class Bar:
    """A stand-in for tqdm that writes down what is done with it."""

    made: list[Bar]

    def __init__(self, **options) -> None:
        self.options, self.texts, self.count, self.closed = options, [], 0, False
        Bar.made.append(self)

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)

    def update(self):
        self.count += 1

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch) -> list[Bar]:
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    Bar.made = []
    return Bar.made


def test_it_shows_loss_and_rate_of_every_update(bars, tmp_path):
    def go(stop=None):
        def log(step, values):
            if step == stop:
                raise KeyboardInterrupt

        config = TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", progress=True)
        return train(
            tiny_tagger(),
            tiny_batches(16),
            TokenCrossEntropy(),
            config,
            run_dir=tmp_path,
            log=log,
            say=lambda line: None,
        )

    with pytest.raises(KeyboardInterrupt):
        go(stop=4)
    run = go()
    first, second = bars
    assert (first.options["total"], first.options["initial"], first.count) == (8, 0, 4)
    assert (second.options["total"], second.options["initial"], second.count, second.closed) == (8, 4, 4, True)
    assert second.texts[0] == f"loss {run.losses[4]:.3f}, lr {run.history[4]['learning_rate']:.1e}"


@pytest.mark.parametrize(
    ("show", "leads", "terminal", "kernel", "static", "shown"),
    [
        (True, True, False, False, "0", True),
        (True, False, True, False, "0", False),
        (False, True, True, True, "0", False),
        (None, True, True, False, "0", True),
        (None, True, False, False, "0", False),
        (None, True, False, True, "0", True),
        (None, True, False, True, "1", False),
    ],
)
def test_it_is_shown_where_somebody_watches(bars, monkeypatch, show, leads, terminal, kernel, static, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("COMPANION_STATIC", static)
    if kernel:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    bar = Progress(3, 0, show=show, leads=leads)
    bar.update(1.0, 1e-3)
    bar.close()
    assert len(bars) == shown
