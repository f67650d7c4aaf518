"""Several labels, numbers, long texts and stored bodies: what a text task does beside the one label."""

from __future__ import annotations

import itertools
import json
import shutil
import warnings

import pytest
import torch

import companion
from companion.corpora.texts import Text, label_parts
from companion.errors import ConfigError, DataError, ModelError
from companion.models.encoder import load_encoder
from companion.objectives import MultiLabelCrossEntropy
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask
from companion.training import TrainConfig, train
from tests.tokenizers import KINDS, NAMES, PLACES, VERBS, make_model_folder

LABELS = ("city", "seen", "visit")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model_folder("wordpiece", tmp_path_factory.mktemp("encoder") / "wordpiece")


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(str(folder))


def texts(kind: str, count: int = 60) -> list[Text]:
    """Verb and place decide the labels (some texts have none), or the number."""
    rows = itertools.islice(itertools.cycle(itertools.product(NAMES[:5], VERBS[:4], PLACES[:4])), count)
    made = []
    for number, (name, verb, place) in enumerate(rows):
        facts = {"city": "City" in place, "seen": "seen" in verb, "visit": verb == "visited"}
        label = "|".join(label for label, holds in facts.items() if holds) or "|"
        if kind == "regression":
            label = str(float(PLACES.index(place)))
        made.append(Text(text=f"{name} {verb} {place}", label=label, source=f"made:{number}"))
    return made


def task_of(kind: str, encoder, **options) -> TextTask:
    return TextTask(LABELS if kind == "multi" else ("stars",), encoder, kind=kind, **options)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", ["multi", "regression"])
def test_it_is_learned_and_comes_back_from_the_folder(encoder, tmp_path, kind, pooling) -> None:
    from transformers import pipeline

    task, rows = task_of(kind, encoder, pooling=pooling), texts(kind)
    config = TrainConfig(epochs=40, learning_rate=5e-3, precision="fp32")
    evaluator = task.evaluator(rows)
    run = train(
        task.model(hidden_dropout_prob=0.0),
        task.batches(rows, batch_size=16),
        task.objective,
        config,
        evaluate=evaluator,
        say=lambda line: None,
    )
    report = companion.evaluate(run.model, task, rows, bootstrap=20)
    if kind == "multi":
        assert report.macro_f1.mean > 0.95 and report.accuracy.mean > 0.9
        assert evaluator.greater_is_better and run.best_value == pytest.approx(report.macro_f1.mean)
        assert set(report.per_class) == set(LABELS) and report.confusion == {}
    else:
        assert report.mean_squared_error.mean < 0.1 and report.correlation.mean > 0.95
        assert not evaluator.greater_is_better
        assert run.best_value == pytest.approx(report.mean_squared_error.mean)
        assert run.best_value == min(row["mean_squared_error"] for row in run.evaluations)
    exported = run.export(tmp_path / "classifier")
    predictor = companion.load(exported)
    assert predictor.task.settings == task.settings and predictor.labels == task.labels
    said = [row.text for row in rows[:12]]
    again, before = predictor.predict_many(said), task.predict(run.model, rows[:12])
    assert [row.label for row in again] == [row.label for row in before]
    assert [row.score for row in again] == pytest.approx([row.score for row in before], abs=1e-6)
    if kind == "multi":
        assert "" in {row.label for row in again} and any("|" in row.label for row in again)
        for row in again:
            chosen = [label for label, value in zip(LABELS, row.probabilities, strict=True) if value > 0.5]
            assert list(label_parts(row.label)) == chosen
            assert row.score == pytest.approx(min(max(value, 1 - value) for value in row.probabilities))
    if pooling == "cls":
        found = pipeline("text-classification", str(exported), top_k=None)(said)
        for scores, row in zip(found, again, strict=True):
            by_label = {score["label"]: score["score"] for score in scores}
            expected = row.probabilities if kind == "multi" else (row.score,)
            assert [by_label[label] for label in task.labels] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["multi", "regression"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_gradient_of_any_split_is_that_of_the_whole(encoder, kind, pooling) -> None:
    task = task_of(kind, encoder, pooling=pooling)
    source = task.batches(texts(kind, 11))
    if kind == "multi":
        task.objective = MultiLabelCrossEntropy(class_weights=(0.3, 2.0, 1.0))

    def gradient(split: list[list[int]]) -> torch.Tensor:
        model = task.model(seed=1).double().eval()
        total = 0.0
        for rows in split:
            batch = {"labelled": source.collate("labelled", rows)}
            total += task.objective.counts(batch)["supervised"]
            task.objective(model, batch)["supervised"].backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]) / total

    whole = gradient([list(range(11))])
    assert whole.norm() > 1e-6
    for split in ([[0], list(range(1, 11))], [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10]]):
        assert (gradient(split) - whole).norm() / whole.norm() < 1e-12


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_small_micro_batches_take_the_same_steps(encoder, kind) -> None:
    task = TextTask(("0.0", "1.0", "2.0", "3.0"), encoder) if kind == "single" else task_of(kind, encoder)
    rows = texts("regression" if kind == "single" else kind, 23)

    def losses(budget: int) -> list[float]:
        config = TrainConfig(epochs=1, learning_rate=1e-3, precision="fp32", piece_budget=budget)
        model = task.model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        return train(model, task.batches(rows, batch_size=8), task.objective, config, say=lambda line: None).losses

    whole = losses(4096)
    assert losses(64) == pytest.approx(whole, rel=1e-5)
    assert len(whole) == 3


def test_padding_changes_no_prediction(encoder) -> None:
    task = TextTask(LABELS, encoder)
    model = task.model(seed=2).eval()
    source = task.batches([Text(text=text.text, label="city") for text in texts("multi", 9)], batch_size=9)
    batch = source.collate("labelled", range(9))
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    wider = {name: torch.nn.functional.pad(tensor, (0, 20), value=0) for name, tensor in inputs.items()}
    wider["input_ids"][:, -20:] = 7
    assert (model(**wider).logits - model(**inputs).logits).abs().max() <= 1e-6
    wider["attention_mask"][:] = 1
    assert (model(**wider).logits - model(**inputs).logits).abs().max() > 1e-4, "without the mask padding is read"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_what_the_tokenizer_makes_of_running_text(tmp_path, kind) -> None:
    encoder = load_encoder(str(make_model_folder(kind, tmp_path / kind)))
    task = TextTask(LABELS, encoder, max_length=16)
    said = ["Müller left", "Angela Merkel has never seen New York City. 王小明 离开 上海市 and left Wolfsburg again"]
    before = encoder.tokenizer.backend_tokenizer.to_str()
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than 16 word pieces and were cut .first: text 2."):
        rows = task.encode(said)
    assert rows[0] == encoder.tokenizer(said[0])["input_ids"]
    assert encoder.tokenizer.backend_tokenizer.to_str() == before, "an exported tokenizer would carry the limit"
    assert rows[1] == encoder.tokenizer(said[1], truncation=True, max_length=16)["input_ids"]


def test_a_cut_is_said_where_it_happens(encoder) -> None:
    task = TextTask(LABELS, encoder, max_length=8)
    long = Text(text="Angela Merkel has never seen New York City", label="city", source="long.csv:3")
    with pytest.warns(UserWarning, match="long.csv:3"):
        task.batches([long, *[Text(text="Müller left", label="seen")] * 3])
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        evaluator = task.evaluator([long])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluator(task.model())
        [one, other] = task.predict(task.model(), [long.text, "Müller left"])
    assert (one.cut, other.cut) == (True, False)
    assert task.texts_cut == 3


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\n"])
def test_a_text_without_a_piece_is_refused_by_place(encoder, text) -> None:
    task = TextTask(LABELS, encoder)
    with pytest.raises(DataError, match="text 2: the tokenizer finds no piece"):
        task.predict(task.model(), ["Müller left", text])
    if text.strip():
        with pytest.raises(DataError, match="a.csv:9: the tokenizer finds no piece"):
            task.batches([Text(text=text, label="city", source="a.csv:9")])


def test_half_a_character_is_read_as_unknown(encoder) -> None:
    task = TextTask(LABELS, encoder)
    assert task.encode(["Müller \ud83d left"]) == task.encode(["Müller \ufffd left"])


def test_labels_of_a_multi_label_corpus_are_taken_apart(encoder) -> None:
    task = TextTask(("seen", "city|visit", "|", "visit | city"), encoder, kind="multi")
    assert task.labels == ("city", "seen", "visit")
    source = task.batches(
        [Text(text="a", label=label) for label in ("visit|city", "seen", "|")], batch_size=3, order="random"
    )
    assert source.collate("labelled", [0, 1, 2])["labels"].tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0] * 3]
    with pytest.raises(DataError, match=r"made:7.*'nowhere'"):
        task.batches([Text(text="a", label="city|nowhere", source="made:7")])
    assert TextTask(("a|b", "c"), encoder).labels == ("a|b", "c"), "a single label may hold the sign"


def test_texts_of_one_class_only_can_be_trained_on_and_scored(encoder) -> None:
    task = TextTask(LABELS, encoder)
    rows = [Text(text=f"{name} left", label="seen") for name in NAMES]
    config = TrainConfig(epochs=3, learning_rate=5e-3, precision="fp32")
    run = train(task.model(), task.batches(rows), task.objective, config, say=lambda line: None)
    report = companion.evaluate(run.model, task, rows, bootstrap=20)
    assert report.accuracy.mean == 1.0 and list(report.per_class) == ["seen"]


@pytest.mark.parametrize("label", ["many", "nan", "inf", "1,5"])
def test_a_label_that_is_no_number_is_refused(encoder, label) -> None:
    task = TextTask(("stars",), encoder, kind="regression")
    rows = [Text(text="a", label="4"), Text(text="a", label=label, source="b.csv:3")]
    for use in (task.batches, task.evaluator):
        with pytest.raises(DataError, match="b.csv:3: the label .* is no number"):
            use(rows)
    assert task.batches(rows[:1]).collate("labelled", [0])["labels"].tolist() == [4.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "several"}, "kind is 'several'"),
        ({"kind": "regression"}, "the labels are"),
        ({"kind": "multi", "labels": ()}, "the labels are"),
        ({"labels": "ab"}, "the labels are"),
        ({"kind": "multi", "label_smoothing": 0.1}, "label_smoothing is 0.1"),
        ({"kind": "regression", "labels": ("x",), "class_weights": [1.0]}, "a regression has no classes"),
        ({"kind": "multi", "class_weights": [1.0, -1.0, 1.0]}, "class_weights are"),
    ],
)
def test_settings_that_do_not_fit_are_refused(encoder, options, message) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        TextTask(**{"labels": LABELS, "encoder": encoder, **options})
    assert caught.value.remedy


def test_evaluate_refuses_what_a_task_has_no_use_for(encoder) -> None:
    task = TextTask(LABELS, encoder)
    rows = [Text(text="a", label="city")]
    for option in ({"train": rows}, {"strict": True}, {"level": 0.9}):
        with pytest.raises(ConfigError, match="evaluate has no option"):
            companion.evaluate(task.model(), task, rows, **option)


def test_a_body_with_lost_weights_is_no_model(folder, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(folder, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    lost = next(name for name in weights if "attention" in name)
    save_file({name: tensor for name, tensor in weights.items() if name != lost}, broken / "model.safetensors")
    for pooling in ("mean", "cls"):
        task = TextTask(LABELS, load_encoder(str(broken)), pooling=pooling)
        with pytest.raises(ModelError, match="1 weights of the body .* are missing"):
            task.model()


def test_a_mean_pooled_folder_is_an_encoder_for_other_tasks(encoder, tmp_path) -> None:
    task = TextTask(LABELS, encoder)
    model = task.model(seed=5)
    exported = task.export(model, tmp_path / "classifier")
    again = load_encoder(str(exported))
    for other in (TextTask(LABELS, again), TokenTask(("O", "B-X", "I-X"), again)):
        own = other.model(seed=9).base_model.state_dict()
        kept = {name: tensor for name, tensor in model.base_model.state_dict().items() if "pooler" not in name}
        assert kept and all(torch.equal(own[name], tensor) for name, tensor in kept.items())
    fresh = TextTask(LABELS, again).model(seed=9)
    assert torch.equal(fresh.classifier.weight, task.model(seed=9).classifier.weight)


def test_folders_are_opened_as_what_they_are(encoder, tmp_path) -> None:
    classifier = TextTask(LABELS, encoder, pooling="cls")
    model = classifier.model(seed=1)
    exported = classifier.export(model, tmp_path / "classifier")
    with pytest.raises(ModelError, match="for 'texts', not for 'tokens'"):
        TokenTask.load(exported)
    tagger = TokenTask(("O", "B-X", "I-X"), encoder)
    with pytest.raises(ModelError, match="for 'tokens', not for 'texts'"):
        TextTask.load(tagger.export(tagger.model(), tmp_path / "tagger"))
    (exported / "companion.json").unlink()
    opened = companion.load(exported)
    assert opened.task.settings.pooling == "cls" and opened.labels == LABELS
    assert opened.predict("Müller left").probabilities == pytest.approx(
        classifier.predict(model, ["Müller left"])[0].probabilities, abs=1e-6
    )


def test_a_head_for_other_labels_is_not_taken_over(encoder, tmp_path) -> None:
    task = TextTask(LABELS, encoder)
    exported = task.export(task.model(), tmp_path / "classifier")
    for file in ("companion.json", "config.json"):
        document = json.loads((exported / file).read_text())
        if "labels" in document:
            document["labels"].append("more")
        else:
            document["id2label"]["3"] = "more"
            document["label2id"]["more"] = 3
        (exported / file).write_text(json.dumps(document))
    with pytest.raises(ModelError, match="no trained head for 4 labels"):
        companion.load(exported)
