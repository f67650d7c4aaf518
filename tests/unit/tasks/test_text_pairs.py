"""Pairs of texts as a task: rows as the tokenizer makes them, learned, exported, and never taken for one text."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from torch.nn import functional

import companion
from companion.adaptation import LoRA, PrefixTuning, PromptTuning, adapt
from companion.corpora.texts import Text, TextCorpus
from companion.encoding.pairs import PairRow, longest_first, pair_frame
from companion.errors import ConfigError, DataError, EvaluationError, ModelError
from companion.evaluation.passages import passage_of
from companion.evaluation.robustness import measure_robustness
from companion.models.encoder import load_encoder
from companion.models.miniature import mini_encoder
from companion.objectives.adversarial import FGM
from companion.recipes.supervised import fine_tune, make_task
from companion.recipes.tuning_plan import data_digests
from companion.tasks.cloze import ClozePrompt
from companion.tasks.retrieval import TextIndex
from companion.tasks.texts import TextTask
from companion.training import TrainConfig, train
from tests.tokenizers import KINDS, PLACES, make_model_folder

LABELS = ("other", "same")
NUMBERED = ("wordpiece", "chinese")
LONG = " and ".join(["Müller left Wolfsburg"] * 12)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """One of every kind; the tokenizers of the two BERTs number the texts, as BERT's does."""
    folder = tmp_path_factory.mktemp("encoders")
    for kind in KINDS:
        file = make_model_folder(kind, folder / kind) / "tokenizer_config.json"
        if kind in NUMBERED:
            settings = json.loads(file.read_text(encoding="utf-8"))
            names = ["input_ids", "token_type_ids", "attention_mask"]
            file.write_text(json.dumps(settings | {"model_input_names": names}), encoding="utf-8")
    return {kind: load_encoder(str(folder / kind)) for kind in KINDS}


@pytest.fixture(scope="module")
def encoder(encoders):
    return encoders["wordpiece"]


def pairs(count: int = 64) -> list[Text]:
    """Whether both texts name the same place, half of them; no text alone says so."""
    places = PLACES[:4]
    found = [(one, one) for one in places] * 3 + list(itertools.permutations(places, 2))
    return [
        Text(text=f"left {one}", text_pair=f"visited {other}", label=LABELS[one == other], source=f"made:{number}")
        for number, (one, other) in zip(range(count), itertools.cycle(found), strict=False)
    ]


def run_of(task: TextTask, rows: list[Text], model=None, epochs: int = 1, **options):
    config = TrainConfig(epochs=epochs, learning_rate=5e-3, precision="fp32")
    source = task.batches(rows, batch_size=8)
    return train(model or task.model(), source, task.objective, config, say=lambda line: None, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_tokenizer_cut_or_not(encoders, kind) -> None:
    encoder, rows = encoders[kind], [("Müller left", "O'Brien visited Wolfsburg."), (LONG, "left"), ("left", LONG)]
    rows += [(LONG, LONG), (LONG + " again", "Angela Merkel " + LONG)]
    seen = 0
    for length in (9, 10, 23, 64):
        task = TextTask(LABELS, encoder, pairs=True, max_length=length)
        with pytest.warns(UserWarning, match=f"texts are longer than {length} word pieces"):
            found = task.encode([Text(text=one, text_pair=other, label="same") for one, other in rows])
        whole = encoder.tokenizer(*zip(*rows, strict=True), verbose=False)["input_ids"]
        assert task.texts_cut == sum(len(row) > length for row in whole) >= 4
        for row, (one, other) in zip(found, rows, strict=True):
            right = encoder.tokenizer(one, other, truncation="longest_first", max_length=length)
            assert row == right["input_ids"] and getattr(row, "types", None) == right.get("token_type_ids")
            assert isinstance(row, PairRow) == (kind in NUMBERED)
            seen += 1
    assert seen == 20


def test_the_longer_text_gives_way_until_both_are_equal() -> None:
    kept = {longest_first(*sizes, room) for sizes, room in [((9, 3), 8), ((5, 3), 8)]}
    assert kept == {(5, 3)} and longest_first(3, 9, 8) == (3, 5)
    assert [longest_first(*sizes, 7) for sizes in [(9, 8), (8, 9), (9, 9)]] == [(4, 3), (3, 4), (3, 4)]
    assert longest_first(2, 3, 9) == (2, 3)


@pytest.mark.parametrize("numbers", [1, 2])
def test_a_model_that_has_no_vector_for_a_second_text_gets_no_numbers(encoder, tmp_path, numbers) -> None:
    from transformers import BertConfig, BertModel

    encoder.tokenizer.save_pretrained(tmp_path)
    settings = encoder.config.to_dict() | {"type_vocab_size": numbers}
    BertModel(BertConfig.from_dict(settings)).save_pretrained(tmp_path)
    task = TextTask(LABELS, load_encoder(str(tmp_path)), pairs=True)
    batch = task.batches(pairs(8)).collate("labelled", [0, 1])
    assert set(batch) == {"input_ids", "attention_mask", "labels", *["token_type_ids"] * (numbers - 1)}
    assert len(task.predict(task.model(), [("left", "visited")])) == 1


def test_padding_is_of_the_first_text_and_the_loss_is_that_of_torch(encoder) -> None:
    task, rows = TextTask(LABELS, encoder, pairs=True), pairs(5)
    rows += [Text(text="left", text_pair="visited New York City", label="other")]
    batch = task.batches(rows).collate("labelled", list(range(6)))
    own = encoder.tokenizer([row.texts for row in rows], padding=True, return_tensors="pt")
    assert all(torch.equal(batch[name], own[name]) for name in own) and len(own) == 3
    model = task.model().eval()
    [loss] = task.objective(model, {"labelled": batch}).values()
    logits = model(**own).logits.detach()
    assert loss.item() == pytest.approx(float(functional.cross_entropy(logits, batch["labels"], reduction="sum")))
    swapped = model(**{**own, "token_type_ids": 1 - own["token_type_ids"]}).logits
    assert not torch.allclose(logits, swapped)


def test_whether_two_texts_say_the_same_is_learned_and_comes_back_from_the_folder(encoder, tmp_path) -> None:
    from transformers import pipeline

    corpus = TextCorpus(name="same", train=pairs(), dev=pairs(24))
    task = make_task(corpus, encoder, {"pooling": "cls"})
    assert task.settings.pairs and task.labels == LABELS
    run = run_of(task, pairs(), epochs=20, evaluate=task.evaluator(corpus.dev))
    assert companion.evaluate(run.model, task, corpus.dev).accuracy.mean >= 0.9
    folder = run.export(tmp_path / "same")
    predictor, asked = companion.load(folder), [row.texts for row in pairs(24)]
    assert predictor.task.settings.pairs is True
    ours = predictor.predict_many(asked)
    theirs = pipeline("text-classification", str(folder))([{"text": a, "text_pair": b} for a, b in asked])
    for one, other in zip(ours, theirs, strict=True):
        assert one.label == other["label"] and one.score == pytest.approx(other["score"], abs=1e-5)
    assert predictor.predict(asked[0]).label == ours[0].label
    assert '"text_pair": "a second text"' in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "label"), [("single", lambda row: row.label), ("multi", lambda row: f"{row.label}|x"), ("regression", len)]
)
def test_every_kind_of_label_goes_with_pairs(encoder, tmp_path, kind, label) -> None:
    rows = [((*row.texts,), str(label(row)) if kind != "regression" else str(len(row.text))) for row in pairs(16)]
    corpus = TextCorpus.from_rows(rows, split=False)
    task = make_task(corpus, encoder, {"kind": kind})
    run = run_of(task, list(corpus.train))
    again = companion.load(run.export(tmp_path / "model"))
    assert again.task.settings.kind == kind and again.task.settings.pairs
    found, before = again.predict(("left", "visited")), task.predict(run.model, [("left", "visited")])[0]
    assert found.label == before.label and found.score == pytest.approx(before.score, abs=1e-6)


def test_a_resumed_run_is_the_same_and_another_second_text_is_another_corpus(encoder, tmp_path) -> None:
    task, rows = TextTask(LABELS, encoder, pairs=True), pairs(32)
    whole = run_of(task, rows, epochs=2)

    def fail(update: int, values: object) -> None:
        if update == 6:
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        run_of(task, rows, epochs=2, run_dir=tmp_path, log=fail)
    resumed = run_of(task, rows, epochs=2, run_dir=tmp_path)
    assert resumed.notes == ("resumed: 4 of 8 updates were done",)
    assert all(
        torch.equal(one, other)
        for one, other in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True)
    )
    other = [*rows[:-1], Text(text=rows[-1].text, text_pair="visited nobody", label=rows[-1].label)]
    assert task.batches(rows).fingerprint() != task.batches(other).fingerprint()
    one, two = (data_digests(TextCorpus(name="x", train=part)) for part in (rows, other))
    assert one != two


def test_numbers_of_texts_are_part_of_the_fingerprint(encoder) -> None:
    from companion.encoding.source import TextBatches

    one, two = (TextBatches([PairRow([1, 2, 3], types)], [0], pad_token_id=0) for types in ([0, 0, 1], [0, 1, 1]))
    assert one.fingerprint() != two.fingerprint()


@pytest.mark.parametrize("method", [LoRA(rank=2), PrefixTuning(length=2), PromptTuning(length=2)])
def test_adaptations_read_pairs(encoder, method) -> None:
    task = TextTask(LABELS, encoder, pairs=True)
    model = companion.adapt(task.model(), method)
    run = run_of(task, pairs(16), model)
    assert task.predict(run.model, [("left", "visited")])[0].label in LABELS
    batch = task.batches(pairs(4)).collate("labelled", [0, 1])
    with torch.no_grad():
        swapped = {**batch, "token_type_ids": 1 - batch["token_type_ids"]}
        one, other = (task.objective(run.model.eval(), {"labelled": given}) for given in (batch, swapped))
    assert one != other, "peft lost the numbers of the texts"


def test_an_attack_and_the_weights_of_classes_and_smoothing_go_with_pairs(encoder) -> None:
    task = TextTask(LABELS, encoder, pairs=True, class_weights=[1.0, 2.0], label_smoothing=0.1)
    config = TrainConfig(epochs=1, precision="fp32")
    source = task.batches(pairs(16), batch_size=8, order="random")
    run = train(task.model(), source, FGM(task.objective), config, say=lambda line: None)
    assert run.steps == 2
    assert set(measure_robustness(run.model, task, pairs(16), bootstrap=0).reports) >= {"clean", "attack"}


def test_one_text_for_a_model_of_pairs_is_refused_and_the_other_way_round(encoder, tmp_path) -> None:
    paired, single = TextTask(LABELS, encoder, pairs=True), TextTask(LABELS, encoder)
    model = paired.model()
    with pytest.raises(DataError, match="text 2 is one text, and the model reads pairs"):
        paired.predict(model, [("left", "visited"), "left"])
    with pytest.raises(DataError, match="made:0 is a pair of texts, and the model reads one"):
        single.predict(model, pairs(2))
    with pytest.raises(DataError, match="made:0 is a pair of texts"):
        single.batches(pairs(2))
    with pytest.raises(DataError, match="text 1 is one text"):
        paired.batches([Text(text="a", label="same")])
    with pytest.raises(DataError, match="text 1 is a list"):
        paired.predict(model, [["left", "visited"]])
    for other in (("left", "visited", "gone"), ("left",)):
        with pytest.raises(DataError, match="text 1 is a tuple"):
            paired.predict(model, [other])
    with pytest.raises(DataError, match="made:1: the tokenizer finds no piece in"):
        paired.encode([pairs(1)[0], Text(text="left", text_pair="\u200b", label="same", source="made:1")])
    predictor = companion.load(paired.export(model, tmp_path / "pairs"))
    with pytest.raises(DataError, match="text 1 is one text"):
        predictor.predict("left")
    with pytest.raises(ConfigError, match="max_length is 4"):
        TextTask(LABELS, encoder, pairs=True, max_length=4)
    assert TextTask(LABELS, encoder, pairs=True, max_length=5).encode([("a", "b")])


@pytest.mark.parametrize("pairs", [1, "yes", "false"])
def test_whether_a_row_is_a_pair_is_true_or_false(encoder, pairs) -> None:
    # What was neither was taken for true, trained, exported, and the folder could not be opened.
    with pytest.raises(ConfigError, match=f"pairs is {pairs!r}"):
        TextTask(LABELS, encoder, pairs=pairs)


def test_an_adapter_that_was_trained_on_pairs_is_not_opened_for_single_texts(encoder, tmp_path) -> None:
    folders = {}
    for paired in (True, False):
        task = TextTask(LABELS, encoder, pairs=paired)
        folders[paired] = task.export(adapt(task.model(), LoRA(2)), tmp_path / str(paired), adapter_only=True)
        assert task.open_adapter(folders[paired]) is not None
    for paired, folder in folders.items():
        trained, here = ("pairs of texts", "one text") if paired else ("one text", "pairs of texts")
        with pytest.raises(ModelError, match=f"was trained on {trained}, and this task reads {here}"):
            TextTask(LABELS, encoder, pairs=not paired).open_adapter(folder)


def test_a_folder_of_before_reads_one_text_and_one_of_others_what_it_is_given(encoder, tmp_path) -> None:
    task = TextTask(LABELS, encoder, pooling="cls")
    folder = task.export(task.model(), tmp_path / "old")
    said = json.loads((folder / "companion.json").read_text())
    assert said.pop("pairs") is False
    (folder / "companion.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="reads one"):
        companion.load(folder).predict(("left", "visited"))
    (folder / "companion.json").write_text(json.dumps({**said, "pairs": "yes"}))
    with pytest.raises(ModelError, match="pairs is 'yes'"):
        companion.load(folder)
    (folder / "companion.json").unlink()
    other = companion.load(folder)
    assert other.predict("left").label in LABELS and other.predict(("left", "visited")).label in LABELS
    with pytest.raises(DataError, match="text 2 is one text"):
        other.predict_many([("left", "visited"), "left"])


def test_what_reads_one_text_refuses_pairs(encoder) -> None:
    task = TextTask(LABELS, encoder, pairs=True)
    for row in (pairs(1)[0], ("left", "visited"), "left"):
        with pytest.raises(EvaluationError, match="a pair of texts cannot be explained"):
            passage_of(task, row)
    with pytest.raises(DataError, match="an index reads one"):
        TextIndex(lambda texts: None, pairs(1))
    mini = mini_encoder(["left", "visited", "yes", "no"])
    with pytest.raises(DataError, match="a prompt reads one"):
        ClozePrompt(mini, "{text} {mask}", {"a": "yes", "b": "no"}).rows(pairs(1))


def test_a_small_encoder_reads_pairs_too() -> None:
    mini = mini_encoder(["left", "visited"])
    task = TextTask(LABELS, mini, pairs=True)
    [row] = task.encode([("left", "visited left")])
    assert mini.tokenizer.convert_ids_to_tokens(row) == ["[CLS]", "left", "[SEP]", "visited", "left", "[SEP]"]
    assert pair_frame(mini).size == 3
    assert task.predict(task.model(), [("left", "visited")])[0].label in LABELS


def test_tasks_in_a_sequence_read_pairs_where_their_corpora_hold_them(encoder) -> None:
    from companion.recipes.continual import _tasks

    corpora = {
        "same": TextCorpus(name="same", train=pairs(16)),
        "one": TextCorpus.from_rows([("a", "x"), ("b", "y")], split=False),
    }
    found = _tasks(corpora, encoder, True, {"pooling": "cls"})
    assert [task.settings.pairs for task in found.values()] == [True, False]


def test_fine_tune_takes_a_corpus_of_pairs(encoder, tmp_path) -> None:
    corpus = TextCorpus(name="same", train=pairs(32), dev=pairs(8), test=pairs(8))
    config = TrainConfig(epochs=1, precision="fp32")
    tuned = fine_tune(corpus, config, model=encoder.location, out=tmp_path / "run", say=lambda line: None)
    assert tuned.evaluate().texts == 8
    story = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert story["task"]["pairs"] is True
    assert "A classifier of pairs of texts" in (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
