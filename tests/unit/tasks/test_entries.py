"""The entries of the tasks: what is no encoder, no list of rows or no model is named where it comes in."""

from __future__ import annotations

import pytest

import companion
from companion.corpora.records import Corpus
from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError
from companion.tasks.entries import check_rows
from companion.tasks.texts import TextTask


def test_an_encoder_that_is_not_loaded_is_named() -> None:
    makers = {
        "load_encoder": [
            lambda it: companion.TextTask(["a", "b"], it),
            lambda it: companion.TokenTask(["O", "B-X", "I-X"], it),
            lambda it: companion.MaskedLMTask(it),
        ],
        "load_decoder": [lambda it: companion.CausalLMTask(it)],
    }
    for loader, made in makers.items():
        for make in made:
            with pytest.raises(ConfigError, match="the encoder is 'offline'") as caught:
                make("offline")
            assert caught.value.remedy == f"give companion.{loader}('offline')"
            with pytest.raises(ConfigError, match="the encoder is a dict"):
                make({})


def test_rows_of_another_kind_are_named_by_number(task, sentences) -> None:
    texts = TextTask(["a", "b"], task.encoder)
    text = Text(text="x", label="a")
    for read in (task.batches, task.evaluator):
        for rows, what in (
            ([*sentences[:2], "a"], "row 3 is a str"),
            ([text], "row 1 is a Text"),
            ([(["a"], ["O"])], "row 1 is a tuple"),
            (iter(sentences), "is no list of rows"),
            (Corpus(name="x", train=sentences), "a Corpus is no list of rows"),
            ("a", "a str is no list of rows"),
        ):
            with pytest.raises(DataError, match=what) as caught:
                read(rows)
            assert "corpus.train" in caught.value.remedy
    for read in (texts.batches, texts.evaluator):
        for rows, what in (
            ([text, "a"], "row 2 is a str"),
            ([("x", "a")], "row 1 is a tuple"),
            (sentences, "row 1 is a Sentence"),
            ((row for row in [text]), "a generator is no list of rows"),
        ):
            with pytest.raises(DataError, match=what) as caught:
                read(rows)
            assert "TextCorpus.from_rows" in caught.value.remedy
    check_rows([text], ("text", "label"))
    check_rows([], ("words",))


def test_swapped_and_missing_arguments_of_evaluate_are_named(task, sentences) -> None:
    model = task.model()
    for arguments, message in (
        ((task, model, sentences), "the model is a TokenTask, the task a Bert"),
        ((model, None, sentences), "the task a NoneType"),
        ((model, sentences, task), "the task a list"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            companion.evaluate(*arguments)
        assert "companion.evaluate(model, task, rows)" in caught.value.remedy
    with pytest.raises(DataError, match="row 1 is a str"):
        companion.evaluate(model, task, ["a"])
