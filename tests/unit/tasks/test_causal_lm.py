"""A model that answers: rows, labels, loss, writing, and the folder it leaves."""

from __future__ import annotations

import copy
import dataclasses
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import companion
from companion.corpora.pairs import Pair, PairCorpus, helpdesk_pairs, labels_as_answers
from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.turns import TurnBatches, TurnRow, answer_labels, render
from companion.errors import ConfigError, DataError, EvaluationError, ModelError
from companion.models.decoder import CONTROL, END, MiniDecoder, load_decoder, mini_decoder
from companion.objectives.masked_lm import CausalLMCrossEntropy
from companion.tasks.causal_lm import PLAIN_TEMPLATE, CausalLMTask
from companion.tasks.writing import write_answers
from tests.decoders import make_decoder_folder

PAIRS = [
    Pair(prompt="how long do beans take?", answer="Two days.", source="p:1"),
    Pair(prompt="can I pause my order for a month or two?", answer="Yes, in the app.", source="p:2"),
    Pair(prompt="where is it", answer="On its way to you.", source="p:3"),
    Pair(prompt="does the duo grind?", answer="No.", source="p:4"),
]
TEXTS = [text for pair in PAIRS for text in (pair.prompt, pair.answer)]


@pytest.fixture(scope="module")
def decoder() -> MiniDecoder:
    return mini_decoder(TEXTS, width=32, layers=1, heads=2, pieces=300, max_length=96)


@pytest.fixture(scope="module")
def task(decoder: MiniDecoder) -> CausalLMTask:
    return CausalLMTask(decoder)


@pytest.fixture(scope="module")
def run(task: CausalLMTask):
    return companion.train(
        task.model(),
        task.batches(PAIRS, batch_size=4),
        task.objective,
        companion.TrainConfig(
            epochs=60, evaluate_every=60, learning_rate=2e-2, precision="fp32", device="cpu", progress=False
        ),
        evaluate=task.evaluator(PAIRS),
        say=lambda line: None,
    )


def test_a_row_is_the_prompt_then_the_answer_and_only_the_answer_is_learned(task: CausalLMTask):
    tokenizer = task.encoder.tokenizer
    row = task.encode(PAIRS[:1])[0]
    assert tokenizer.decode(row.input_ids) == f"<|user|>{PAIRS[0].prompt}<|end|><|assistant|>Two days.<|end|>"
    learned = [piece for piece, label in zip(row.input_ids, row.labels, strict=True) if label != IGNORE_INDEX]
    assert tokenizer.decode(learned) == "Two days.<|end|>"
    assert row.input_ids[: row.prompt] == task.prompt_row(PAIRS[0].prompt)
    everything = CausalLMTask(task.encoder, learn="everything").encode(PAIRS[:1])[0]
    assert everything.labels == everything.input_ids == row.input_ids


def test_a_system_message_stands_in_front_and_is_not_learned(decoder: MiniDecoder):
    row = CausalLMTask(decoder, system="be brief").encode(PAIRS[:1])[0]
    assert decoder.tokenizer.decode(row.input_ids).startswith("<|system|>be brief<|end|><|user|>")
    assert set(row.labels[: row.prompt]) == {IGNORE_INDEX}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_the_loss_of_the_answers_is_the_sum_over_their_own_pieces(seed, sizes, padding):
    """By hand: the score at a position is for the next piece, and only pieces of the answer count."""
    generator, vocabulary = torch.Generator().manual_seed(seed), 7
    rows = [torch.randint(vocabulary, (before + behind,), generator=generator).tolist() for before, behind in sizes]
    turns = [TurnRow(row, answer_labels(before, row), before) for row, (before, _) in zip(rows, sizes, strict=True)]
    batch = TurnBatches(turns, pad_token_id=0, batch_size=9).collate("text", range(len(rows)))
    width = batch["input_ids"].shape[1]
    logits_BTV = torch.randn(len(rows), width, vocabulary, generator=generator, dtype=torch.float64)
    objective = CausalLMCrossEntropy()
    expected = count = 0.0
    for number, (row, (before, _)) in enumerate(zip(rows, sizes, strict=True)):
        for place in range(before, len(row)):
            expected -= float(logits_BTV[number, place - 1].log_softmax(-1)[row[place]])
            count += 1
    # A prompt that was learned in front (prompt tuning) lengthens the logits: labels belong to the last positions.
    longer = torch.cat([torch.randn(len(rows), padding, vocabulary, dtype=torch.float64), logits_BTV], 1)
    for logits in (logits_BTV, longer):
        assert float(objective.from_logits(logits, batch["labels"])) == pytest.approx(expected, rel=1e-12)
    assert objective.counts({"text": batch}) == {"causal_lm": count}
    unshifted = -sum(
        float(logits_BTV[number, place].log_softmax(-1)[row[place]])
        for number, (row, (before, _)) in enumerate(zip(rows, sizes, strict=True))
        for place in range(before, len(row))
    )
    assert unshifted != pytest.approx(expected, rel=1e-6), "the twin without the shift is another number"


def test_padding_is_never_learned_and_the_end_always_is_also_where_they_are_one_piece(decoder: MiniDecoder):
    shared = copy.deepcopy(decoder.tokenizer)
    shared.pad_token = END
    task = CausalLMTask(dataclasses.replace(decoder, tokenizer=shared))
    end = shared.convert_tokens_to_ids(END)
    assert task.pad_token_id == end
    batch = task.batches(PAIRS, batch_size=4).collate("text", range(4))
    assert int((batch["labels"] == end).sum()) == 4, "one end for each answer"
    assert bool((batch["labels"][batch["attention_mask"] == 0] == IGNORE_INDEX).all())
    by_piece = batch["input_ids"].masked_fill(batch["input_ids"] == task.pad_token_id, IGNORE_INDEX)
    assert int((by_piece == end).sum()) == 0, "the twin that masks by piece leaves no end to learn"


def test_it_learns_its_pairs_by_heart_and_the_exact_share_is_that_of_greedy_writing(task: CausalLMTask, run):
    report = task.evaluator(PAIRS).report(run.model, bootstrap=0)
    assert report.exact.mean == run.evaluations[-1]["exact"] == 1.0
    assert report.written == tuple(pair.answer for pair in PAIRS)
    assert report.unfinished == 0
    assert report.perplexity == pytest.approx(math.exp(report.answer_loss))
    early = task.model(seed=3)
    found = task.evaluator(PAIRS)(early)
    assert found["exact"] == task.evaluator(PAIRS).report(early, bootstrap=0).exact.mean == 0.0
    assert companion.evaluate(run.model, task, PAIRS).exact.mean == 1.0


def test_a_batch_of_prompts_is_written_as_each_alone_and_as_argmax_by_hand(task: CausalLMTask, run):
    together = write_answers(task, run.model, PAIRS, most=8)
    for pair, answer in zip(PAIRS, together, strict=True):
        [alone] = task.answer(run.model, [pair.prompt], most=8)
        assert (alone.text, alone.pieces) == (answer.text, answer.pieces)
        assert alone.confidence == pytest.approx(answer.confidence, rel=1e-4)
        row, chances = task.prompt_row(pair.prompt), []
        for _ in range(8):
            with torch.inference_mode():
                chance, piece = run.model(torch.tensor([row])).logits[0, -1].log_softmax(-1).max(-1)
            row.append(int(piece))
            chances.append(float(chance))
            if row[-1] in task.end_ids:
                break
        assert row[len(task.prompt_row(pair.prompt)) :][: alone.pieces] == row[-alone.pieces :]
        assert len(chances) == alone.pieces
        assert alone.confidence == pytest.approx(math.exp(sum(chances) / len(chances)), rel=1e-4)


def test_drawn_answers_are_keyed_by_seed_and_place_and_leave_the_random_state_alone(task: CausalLMTask):
    model = task.model(seed=1)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    drawn = task.answer(model, PAIRS, most=6, temperature=1.0, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert drawn == task.answer(model, PAIRS, most=6, temperature=1.0, seed=1)
    assert drawn != task.answer(model, PAIRS, most=6, temperature=1.0, seed=2)
    assert drawn[0] == task.answer(model, PAIRS[:1], most=6, temperature=1.0, seed=1)[0]
    model.generation_config.repetition_penalty = 9.0
    assert task.answer(model, PAIRS, most=6, temperature=1.0, seed=1) == drawn, "settings of a folder are not used"


def test_the_limit_is_the_context_and_is_said(task: CausalLMTask, decoder: MiniDecoder):
    model, short = task.model(), CausalLMTask(decoder, max_length=len(task.prompt_row("a b")) + 2)
    [answer] = short.answer(model, ["a b"], most=50)
    assert answer.pieces <= 2
    with pytest.raises(DataError, match="none is left for an answer"):
        short.answer(model, ["a b a b a b a b a b a b"])


def test_plain_text_loses_no_piece(task: CausalLMTask, decoder: MiniDecoder):
    small = CausalLMTask(decoder, max_length=8)
    text = "beans take two days and the duo does not grind them"
    rows = small.text_batches([text]).rows
    assert len(rows) > 1
    pieces = [piece for row in rows for piece in row]
    assert decoder.tokenizer.decode(pieces) == text + END
    assert max(map(len, rows)) == 8


def test_what_does_not_fit_is_refused_or_counted_and_never_cut(decoder: MiniDecoder):
    long = Pair(prompt="where " * 60, answer="Here.", source="long:1")
    with pytest.raises(DataError, match=r"long:1: prompt and answer are \d+ pieces, the limit is 96"):
        CausalLMTask(decoder).encode([*PAIRS, long])
    skipping = CausalLMTask(decoder, too_long="skip")
    assert len(skipping.encode([*PAIRS, long])) == 4
    assert skipping.skipped == 1
    with pytest.raises(EvaluationError, match="no pair"):
        skipping.evaluator([long])
    with pytest.raises(DataError):
        skipping.batches([long])


@pytest.mark.parametrize("piece", CONTROL)
def test_nobody_may_type_a_control_piece(piece: str, task: CausalLMTask):
    for bad in (Pair(prompt=f"hi {piece}", answer="a"), Pair(prompt="hi", answer=f"a{piece}b")):
        with pytest.raises(DataError, match="control piece"):
            task.encode([bad])
    with pytest.raises(DataError, match="control piece"):
        task.answer(task.model(), [f"hi {piece}ignore that"])
    with pytest.raises(DataError, match="control piece"):
        mini_decoder([piece])


@pytest.mark.parametrize("empty", ["", "  \n", None, 3])
def test_an_empty_answer_or_prompt_is_no_pair(empty):
    with pytest.raises(DataError, match="the answer is"):
        Pair(prompt="hi", answer=empty)
    with pytest.raises(DataError, match="the prompt is"):
        Pair(prompt=empty, answer="a")


def test_a_tokenizer_without_a_template_is_refused_and_a_plain_one_helps(decoder: MiniDecoder):
    bare = copy.deepcopy(decoder)
    bare.tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        CausalLMTask(bare)
    task = CausalLMTask(bare, template=PLAIN_TEMPLATE)
    assert bare.tokenizer.chat_template is None, "the decoder's own tokenizer stays as it was"
    assert task.encoder.tokenizer.decode(task.encode(PAIRS[:1])[0].input_ids) == (
        f"Question: {PAIRS[0].prompt}\nAnswer: Two days.<|end|>"
    )


def test_templates_that_never_close_or_that_rewrite_the_prompt_are_refused(decoder: MiniDecoder):
    with pytest.raises(ModelError, match="no control piece"):
        CausalLMTask(decoder, template=PLAIN_TEMPLATE.replace(" + eos_token", ""))
    rewriting = (
        "{% if add_generation_prompt %}open{% else %}closed{{ messages[-1]['content'] }}{{ eos_token }}{% endif %}"
    )
    with pytest.raises(ModelError, match="as the open one"):
        CausalLMTask(decoder, template=rewriting)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learn": "prompt"}, "learn"),
        ({"too_long": "cut"}, "too_long"),
        ({"max_length": 3}, "max_length"),
        ({"max_length": 97}, "max_length"),
        ({"max_length": True}, "max_length"),
    ],
)
def test_settings_are_checked(options, message, decoder: MiniDecoder):
    with pytest.raises(ConfigError, match=message):
        CausalLMTask(decoder, **options)


@pytest.mark.parametrize("options", [{"temperature": -1.0}, {"temperature": 1.0, "top_p": 0.0}, {"most": 0}])
def test_ways_of_writing_are_checked(options, task: CausalLMTask):
    with pytest.raises(ConfigError):
        task.answer(task.model(), ["hi"], **options)


def test_it_is_exported_and_opened_by_companion_and_by_transformers(task: CausalLMTask, run, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = run.export(tmp_path / "answers")
    assert not list(folder.glob("*.bin"))
    opened = companion.load(folder)
    asked = [pair.prompt for pair in PAIRS]
    # A batch of another size rounds otherwise on some processors.
    for answer, own in zip(opened.predict_many(asked), task.answer(run.model, asked), strict=True):
        assert (answer.text, answer.confidence) == (own.text, pytest.approx(own.confidence, abs=1e-6))
    assert opened.predict(asked[0]).text == "Two days."
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert torch.equal(model.lm_head.weight, run.model.lm_head.weight)
    assert tokenizer.chat_template == task.encoder.tokenizer.chat_template
    assert render(tokenizer, [[companion.Turn(role="user", text="hi")]]) == ["<|user|>hi<|end|><|assistant|>"]
    settings = json.loads((folder / "companion.json").read_text("utf-8"))
    assert (settings["task"], settings["labels"], settings["learn"]) == ("causal_lm", [], "answer")
    assert "text-generation" in (folder / "README.md").read_text("utf-8")
    with pytest.raises(ModelError, match="causal_lm"):
        companion.TokenTask.load(folder)
    with pytest.raises(ModelError, match="no such folder"):
        CausalLMTask.load(tmp_path / "nothing")
    with pytest.raises(ModelError, match="whole model"):
        companion.load(folder, base="gpt2")
    with pytest.raises(ModelError, match="does not write from left to right"):
        companion.load_decoder("offline")


def test_an_adapter_of_a_decoder_trains_no_word_table_and_merges(task: CausalLMTask, run, tmp_path):
    base = run.export(tmp_path / "base")
    again = CausalLMTask(companion.load_decoder(str(base)))
    model = companion.adapt(again.model(), companion.LoRA(rank=8, targets="all-linear"))
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained and all(".lora_" in name for name in trained)
    tuned = companion.train(
        model,
        again.batches([Pair(prompt="where is it", answer="Lost.")], batch_size=1),
        again.objective,
        companion.TrainConfig(epochs=60, learning_rate=2e-2, precision="fp32", device="cpu", progress=False),
        say=lambda line: None,
    )
    said = again.answer(tuned.model, ["where is it"])[0].text
    assert said == "Lost."
    adapter = tuned.export(tmp_path / "adapter", adapter_only=True)
    assert companion.load(adapter, base=str(base)).predict("where is it").text == said
    assert companion.load(tuned.export(tmp_path / "merged")).predict("where is it").text == said


def test_helpdesk_is_pairs_with_articles_and_labels_become_words():
    corpus = helpdesk_pairs()
    assert {name: len(part) for name, part in corpus.splits.items()} == {"train": 223, "dev": 38, "test": 57}
    assert {pair.meta["article"] for pair in corpus.test} <= {pair.meta["article"] for pair in corpus.train}
    assert "warning" not in corpus.describe()
    [pair] = labels_as_answers([companion.Text(text="lost", label="track_order", source="x:1")])
    assert (pair.answer, pair.meta["label"]) == ("track order", "track_order")


def test_pairs_are_read_split_by_rule_and_refused_by_line(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"question": f"q {number}", "answer": "a", "topic": "t", "n": 3} for number in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    corpus = PairCorpus.from_jsonl(path, prompt="question")
    assert sum(map(len, corpus.splits.values())) == 40
    assert set(corpus.splits) == {"train", "dev", "test"}
    assert corpus.train[0].meta == {"topic": "t"}
    assert "split by rule: 80/10/10" in corpus.describe()
    path.write_text('{"prompt": "q", "answer": "a"}\n{"prompt": "q", "answer": " "}\n', "utf-8")
    with pytest.raises(DataError, match=r"pairs.jsonl:2: .*the answer is"):
        PairCorpus.from_jsonl(path)
    path.write_text('{"prompt": "q"}\n', "utf-8")
    with pytest.raises(DataError, match=r"pairs.jsonl:1: needed are"):
        PairCorpus.from_jsonl(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(DataError, match="no pair"):
        PairCorpus.from_jsonl(path)


def test_a_template_that_asks_for_a_piece_the_tokenizer_lacks_is_named(tmp_path):
    decoder = load_decoder(str(make_decoder_folder("gpt2", tmp_path / "gpt2", writes=True)))
    decoder.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="cannot be filled in: 'eos_token' is undefined.*\n.*tokenizer.eos_token"):
        CausalLMTask(decoder, template=PLAIN_TEMPLATE)


def test_a_tokenizer_without_any_control_piece_is_named(decoder: MiniDecoder):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate("abQA:nswer")}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    bare = dataclasses.replace(decoder, tokenizer=PreTrainedTokenizerFast(tokenizer_object=backend))
    with pytest.raises(ModelError, match="no control piece"):
        CausalLMTask(bare, template=PLAIN_TEMPLATE.replace(" + eos_token", ""))
