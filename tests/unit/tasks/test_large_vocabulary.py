"""A vocabulary of 150,000: what is kept of all those scores, and what a model folder brings along for writing."""

from __future__ import annotations

import pytest
import torch
from transformers import GenerationConfig

from companion import TrainConfig, load_decoder, train
from companion.adaptation import LoRA, adapt
from companion.corpora.pairs import Pair
from companion.models.decoder import mini_decoder
from companion.tasks import answering
from companion.tasks.causal_lm import CausalLMTask

PAIRS = [Pair(prompt="ask " * number, answer="say " * (9 - number)) for number in range(1, 9)]


@pytest.fixture(scope="module")
def task() -> CausalLMTask:
    texts = [text for pair in PAIRS for text in (pair.prompt, pair.answer)]
    return CausalLMTask(mini_decoder(texts, width=16, layers=1, heads=2, pieces=280, max_length=64))


def scored_by(model: torch.nn.Module) -> list[int]:
    """How many positions each pass of the last layer scores, filled as it goes."""
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda layer, given, scores: seen.append(scores[..., 0].numel()))
    return seen


def test_an_evaluation_holds_few_scores_at_once_and_says_the_same(task, monkeypatch):
    model, evaluate = task.model(), task.evaluator(PAIRS)
    batch = evaluate.source.collate("text", range(len(PAIRS)))
    labels = batch.pop("labels")
    with torch.inference_mode():
        logits = model(**batch).logits
    asked = labels[:, 1:] != -100
    hit = logits[:, :-1].argmax(-1) == labels[:, 1:]
    expected = {
        "answer_loss": float(task.objective.from_logits(logits, labels)) / int(asked.sum()),
        "piece_accuracy": int((hit & asked).sum()) / int(asked.sum()),
        "exact": float((hit | ~asked).all(1).double().mean()),
    }
    seen = scored_by(model)
    assert evaluate(model) == pytest.approx(expected, rel=1e-6)
    assert seen == [int(asked.sum())]
    seen.clear()
    monkeypatch.setattr(answering, "MOST_SCORES", 20 * len(task.encoder.tokenizer))
    assert evaluate(model) == pytest.approx(expected, rel=1e-6)
    assert max(seen) <= 20
    assert sum(seen) == int(asked.sum())


@pytest.mark.parametrize("wrapped", [False, True])
def test_penalties_that_a_folder_brings_along_change_no_answer(task, wrapped):
    model = adapt(task.model(seed=3), LoRA(rank=2)) if wrapped else task.model(seed=3)
    prompts = [pair.prompt for pair in PAIRS]
    plain = task.answer(model, prompts, most=12)
    inner = model.get_base_model() if wrapped else model
    inner.generation_config = GenerationConfig(repetition_penalty=9.0, no_repeat_ngram_size=1, min_new_tokens=9)
    brought = inner.generation_config
    assert task.answer(model, prompts, most=12) == plain
    assert inner.generation_config is brought


def test_the_confidence_is_that_of_the_scores_without_keeping_them(task):
    model = task.model(seed=3)
    for prompt, answer in zip(PAIRS, task.answer(model, [pair.prompt for pair in PAIRS], most=7), strict=True):
        row, chances = task.prompt_row(prompt.prompt), []
        for _ in range(answer.pieces):
            with torch.inference_mode():
                chances.append(model(torch.tensor([row])).logits[0, -1].log_softmax(-1).max())
                row = [*row, int(model(torch.tensor([row])).logits[0, -1].argmax())]
        assert answer.confidence == pytest.approx(float(torch.stack(chances).mean().exp()), rel=1e-4)


def test_an_exported_folder_writes_in_transformers_what_it_writes_here(task, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

    closing = {"eos_token": "<|pad|>", "chat_template": task.encoder.tokenizer.chat_template}
    made = task.encoder.model_with_head(seed=1)
    # As chat models are published: another end than the one the template writes, penalties, drawing.
    made.generation_config = GenerationConfig(do_sample=True, temperature=0.7, repetition_penalty=1.5, eos_token_id=0)
    made.save_pretrained(tmp_path / "base")
    task.encoder.tokenizer.save_pretrained(tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base", **closing)
    tokenizer.save_pretrained(tmp_path / "base")
    opened = CausalLMTask(load_decoder(str(tmp_path / "base")))
    config = TrainConfig(epochs=40, learning_rate=2e-2, precision="fp32", device="cpu", progress=False)
    run = train(opened.model(), opened.batches(PAIRS, batch_size=8), opened.objective, config, say=lambda line: None)
    run.export(tmp_path / "trained")
    answers = opened.answer(run.model, [pair.prompt for pair in PAIRS])
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "trained").eval()
    chat = pipeline("text-generation", str(tmp_path / "trained"), device="cpu")
    assert len({answer.text for answer in answers}) > 1
    for pair, answer in zip(PAIRS, answers, strict=True):
        [told] = chat([{"role": "user", "content": pair.prompt}])
        assert told["generated_text"][-1]["content"].strip() == answer.text
        row = torch.tensor([opened.prompt_row(pair.prompt)])
        assert answer.finished
        written = plain.generate(row, attention_mask=torch.ones_like(row), max_new_tokens=40)[0, row.shape[1] :]
        assert written.shape[0] == answer.pieces
        assert tokenizer.decode(written, skip_special_tokens=True).strip() == answer.text
