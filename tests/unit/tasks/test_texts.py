"""Text classification: what is learned, what is cut, and that a folder gives the labels back."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

import companion
from companion.corpora.texts import Text
from companion.errors import CompanionError, ConfigError, DataError, EvaluationError, ModelError
from companion.models.encoder import load_encoder
from companion.models.pooling import mean_pool
from companion.tasks.texts import TextTask
from companion.training import TrainConfig, train
from tests.tokenizers import NAMES, PLACES, VERBS, make_model_folder

LABELS = ("here", "there")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(str(make_model_folder("wordpiece", tmp_path_factory.mktemp("encoder") / "wordpiece")))


def texts(count: int = 60) -> list[Text]:
    """The label follows from the place."""
    rows = itertools.cycle(itertools.product(NAMES[:5], VERBS[:4], PLACES[:4]))
    return [
        Text(text=f"{name} {verb} {place}", label=LABELS[PLACES.index(place) % 2], source=f"made:{number}")
        for number, (name, verb, place) in zip(range(count), rows, strict=False)
    ]


def run_of(task: TextTask, epochs: int = 12):
    config = TrainConfig(epochs=epochs, learning_rate=5e-3, precision="fp32")
    return train(task.model(), task.batches(texts(), batch_size=8), task.objective, config, say=lambda line: None)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_label_that_follows_from_a_word_is_learned_and_comes_back_from_the_folder(encoder, tmp_path, pooling) -> None:
    task = TextTask(LABELS, encoder, pooling=pooling)
    run = run_of(task)
    report = companion.evaluate(run.model, task, texts())
    assert report.accuracy.mean == 1.0 and report.macro_f1.mean == 1.0
    folder = run.export(tmp_path / "classifier")
    predictor = companion.load(folder)
    said = [text.text for text in texts(16)]
    again = predictor.predict_many(said)
    assert predictor.labels == LABELS and predictor.predict(said[0]).label == again[0].label
    for one, other in zip(task.predict(run.model, texts(16)), again, strict=True):
        assert one.label == other.label
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    if pooling == "cls":
        from transformers import pipeline

        classifier = pipeline("text-classification", str(folder))
        assert [row["label"] for row in classifier(said)] == [row.label for row in again]
    else:
        from transformers import AutoModel

        body = AutoModel.from_pretrained(folder)
        own = run.model.base_model.state_dict()
        assert all(torch.equal(tensor, own[name]) for name, tensor in body.state_dict().items() if "pooler" not in name)


def test_predictions_do_not_depend_on_the_other_texts(encoder) -> None:
    task = TextTask(LABELS, encoder)
    model = task.model(seed=3)
    rows = [*texts(7), Text(text=" and ".join(["Müller left Wolfsburg"] * 12), label="here")]
    together = task.predict(model, rows)
    alone = [task.predict(model, [row])[0] for row in rows]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
        assert sum(one.probabilities) == pytest.approx(1.0, abs=1e-6) and one.score == max(one.probabilities)


def test_mean_pooling_sees_real_positions_only() -> None:
    hidden = torch.randn(2, 5, 3, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    pooled = mean_pool(hidden, mask)
    assert torch.allclose(pooled[0], hidden[0, :3].mean(0)) and torch.allclose(pooled[1], hidden[1].mean(0))
    changed = hidden.clone()
    changed[0, 3:] = 1e6
    assert torch.equal(mean_pool(changed, mask)[0], pooled[0])
    assert torch.isfinite(mean_pool(hidden, torch.zeros_like(mask))).all()


@pytest.mark.parametrize("weights", [None, (0.3, 2.0)])
def test_the_gradient_of_any_split_is_that_of_the_whole(encoder, weights) -> None:
    task = TextTask(LABELS, encoder, class_weights=weights)
    source = task.batches(texts(11))

    def gradient(split: list[list[int]]) -> torch.Tensor:
        model = task.model(seed=1).double().eval()
        total = 0.0
        for rows in split:
            batch = {"labelled": source.collate("labelled", rows)}
            total += task.objective.counts(batch)["supervised"]
            task.objective(model, batch)["supervised"].backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]) / total

    whole = gradient([list(range(11))])
    for split in ([[0], list(range(1, 11))], [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10]], [[row] for row in range(11)]):
        other = gradient(split)
        assert (other - whole).norm() / whole.norm() < 1e-12


def test_the_head_depends_on_the_seed_alone(encoder) -> None:
    task = TextTask(LABELS, encoder)
    state = torch.random.get_rng_state()
    one, again, other = task.model(seed=1), task.model(seed=1), task.model(seed=2)
    assert torch.equal(one.classifier.weight, again.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_long_texts_are_cut_counted_and_keep_their_closing_piece(encoder) -> None:
    task = TextTask(LABELS, encoder, max_length=8)
    short, long = task.encode(["Müller left", "Angela Merkel has never seen New York City and left Wolfsburg"])
    assert len(long) == 8 and task.texts_cut == 1 and len(short) <= 8
    assert short[-1] == long[-1] == encoder.tokenizer.sep_token_id


def test_what_cannot_be_a_task_is_refused(encoder) -> None:
    for wrong in ({"labels": ("a",)}, {"labels": ("a", "a")}, {"pooling": "max"}, {"max_length": 2}):
        with pytest.raises(ConfigError):
            TextTask(**{"labels": LABELS, "encoder": encoder, **wrong})
    with pytest.raises(ConfigError, match="one weight per label"):
        TextTask(LABELS, encoder, class_weights=[1.0])
    for weights in ("balanced", dict.fromkeys(LABELS, 1.0)):
        with pytest.raises(ConfigError, match="class_weights is") as caught:
            TextTask(LABELS, encoder, class_weights=weights)  # type: ignore[arg-type]
        assert LABELS[0] in caught.value.remedy
    task = TextTask(LABELS, encoder)
    with pytest.raises(DataError, match=r"made:1.*'nowhere'"):
        task.batches([Text(text="a", label="nowhere", source="made:1")])
    with pytest.raises(DataError, match="no sentence or text"):
        task.batches([])
    with pytest.raises(DataError, match="text 2 is a int"):
        task.encode(["a", 3])
    with pytest.raises(EvaluationError, match="no text"):
        task.evaluator([])


def test_a_damaged_folder_is_refused(encoder, tmp_path) -> None:
    task = TextTask(LABELS, encoder)
    folder = task.export(task.model(), tmp_path / "model")
    settings = json.loads((folder / "companion.json").read_text())
    for change in (
        {"labels": ["x", "y"]},
        {"labels": ["here", "there", "far"]},
        {"pooling": "max"},
        {"max_length": "9"},
    ):
        (folder / "companion.json").write_text(json.dumps({**settings, **change}))
        with pytest.raises(ModelError):
            companion.load(folder)
    (folder / "companion.json").write_text(json.dumps(settings))
    assert companion.load(folder).labels == LABELS
    with pytest.raises(CompanionError):
        TextTask.load(tmp_path / "nothing")


def test_a_killed_run_takes_up_where_it_was(encoder, tmp_path) -> None:
    task = TextTask(LABELS, encoder)
    settings = {"epochs": 2, "learning_rate": 5e-3, "precision": "fp32"}

    def run(folder, **more):
        config = TrainConfig(**{**settings, **more})
        batches = task.batches(texts(24), batch_size=8)
        return train(
            task.model(),
            batches,
            task.objective,
            config,
            run_dir=folder,
            say=lambda line: None,
            evaluate=task.evaluator(texts(8)),
        )

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        stopped = task.batches(texts(24), batch_size=8)
        window = stopped.window
        stopped.seed = None

        class Interrupted(type(stopped)):
            def window(self, epoch, update):
                if (epoch, update) == (1, 1):
                    raise KeyboardInterrupt
                return window(epoch, update)

        stopped.__class__ = Interrupted
        train(
            task.model(),
            stopped,
            task.objective,
            TrainConfig(**settings),
            run_dir=tmp_path / "cut",
            say=lambda line: None,
            evaluate=task.evaluator(texts(8)),
        )
    resumed = run(tmp_path / "cut")
    assert any("resumed" in note for note in resumed.notes)
    assert all(
        torch.equal(one, other)
        for one, other in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True)
    )
