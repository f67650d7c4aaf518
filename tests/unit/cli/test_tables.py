"""Tables of the commands with the widest cells they can have: none is wider than the terminal, and no number is cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from companion.cli import output
from companion.corpora.text_table import extent
from companion.evaluation.classification import score_labels
from companion.evaluation.comparison import compare
from companion.evaluation.regression import score_numbers
from companion.recipes.tuning_outcome import Trial, Tuned

LABELS = [
    "balance_not_updated_after_cheque_or_cash_deposit",
    "card_payment_wrong_exchange_rate",
    "余额没有更新",
    "a label of more than one word, which is what some people write where others would write a number or two",
]
GOLD = LABELS * 5
GUESSED = [LABELS[place % 3] for place in range(20)]
NAMES = ("runs/first-attempt-with-lora-rank-8/seed-0/model", "runs/second-attempt-with-all-weights/seed-0/model")


def texts(width: int | None) -> str:
    reports = [score_labels(GOLD, guess, bootstrap=50) for guess in (GUESSED, GOLD)]
    return compare(*reports, names=NAMES, resamples=50).to_text(width)


def numbers(width: int | None) -> str:
    gold = [1e4 * place for place in range(20)]
    reports = [score_numbers(gold, [x + shift for x in gold], bootstrap=50) for shift in (1234.5, 98765.25)]
    return compare(*reports, names=NAMES, resamples=50).to_text(width)


def search(width: int | None, *more: str) -> str:
    """Twelve trials over the usual space, and more settings where they are named."""
    trials = []
    for number in range(12):
        settings = {"learning_rate": 0.000123 + number, "epochs": 8, "batch_size": 32, "weight_decay": 0.01}
        settings |= {"warmup": 0.0113, "schedule": "cosine"} | dict.fromkeys(more, 1.23e-05)
        state = ("complete", "pruned", "diverged")[number % 3]
        trials.append(
            Trial(
                number=number,
                settings=settings,
                state=state,
                value=None if state == "diverged" else 0.5 + number / 1000,
                evaluations=(),
                updates=12000 + number,
            )
        )
    options = {"optimism": None, "repetitions": (), "plan": "", "folder": Path()}
    tuned = Tuned(metric="mean_squared_error", trials=tuple(trials), best=trials[9], **options)
    return tuned.to_text(width)


def report(width: int | None) -> str:
    return score_labels(GOLD, GUESSED, bootstrap=50).to_text(width)


def entities(width: int | None) -> str:
    return output.table([["type", "text", "characters", "score"], ["ORG", "word " * 41, "0–203", "0.99"]])


def measured(width: int | None) -> str:
    cells = [[f"constrained-methods-banking77-adalora-{n}", "0.123", "0.456", "0.789", "1234 s"] for n in range(3)]
    return output.table([["cell", "dev_entity_f1", "grid_accuracy", "masked_lm_loss_before", "time"], *cells])


TABLES = {
    "texts compared": texts,
    "numbers compared": numbers,
    "a search": search,
    "a search of all settings": lambda width: search(width, "clip_norm", "beta1", "beta2", "epsilon", "max_updates"),
    "a report": report,
    "entities": entities,
    "cells": measured,
}


def tabular(text: str) -> list[str]:
    """The lines of the first table of a text."""
    return text.split("\n\n")[0].splitlines()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_table_is_wider_and_no_number_is_lost(name: str, width: int, monkeypatch: pytest.MonkeyPatch):
    whole = TABLES[name](None)
    assert max(map(extent, tabular(whole))) > 80, "a table that fits anyway proves nothing"
    monkeypatch.setattr(output, "columns", lambda: width)
    text = TABLES[name](width)
    assert max(map(extent, tabular(text))) <= width
    assert "\n\n".join(text.split("\n\n")[1:]) == "\n\n".join(whole.split("\n\n")[1:])
    found = [sorted(re.findall(r"\d[\d.,e+-]*", "\n".join(tabular(table)))) for table in (whole, text)]
    # A list repeats the numbers of its headings, such as "95% interval" and "max_f1", at every row.
    assert not set(found[0]) - set(found[1])


def test_headings_are_stacked_before_anything_else():
    lines = search(100).splitlines()
    assert lines[0].split()[:5] == ["trial", "learning", "epochs", "batch", "weight"]
    assert lines[1].split() == ["rate", "size", "decay", "mean"]
    assert [line.split() for line in lines[2:4]] == [["squared"], ["error"]]
    assert len(tabular("\n".join(lines))) == 4 + 1 + 12
    assert lines[14].split() == ["10", "9", "8", "32", "0.01", "0.0113", "cosine", "12009", "0.509", "←", "best"]


@pytest.mark.parametrize("made", [texts, numbers, search, report])
def test_what_fits_stays_as_it_is(made):
    whole = made(None)
    assert made(max(map(extent, tabular(whole)))) == whole
    assert made(max(map(extent, tabular(whole))) - 1) != whole


def test_a_comparison_becomes_a_list():
    lines = texts(80).splitlines()
    assert lines[0] == "accuracy"
    assert lines[1].split()[:2] == ["runs/first-attempt-with-lora-", "0.300"]
    assert lines[2].split() == ["rank-8/seed-0/model"]
    assert "difference [95% interval]" in lines[5]


@pytest.mark.parametrize("width", [60, 80])
def test_a_report_keeps_its_numbers_beside_a_folded_name_and_the_rule_above_its_averages(width: int):
    lines = tabular(report(width))
    rules = [place for place, line in enumerate(lines) if set(line) == {"-"}]
    assert rules == [1, len(lines) - 4]
    assert lines[2].split()[-5:] == ["undefined", "0.000", "0.000", "5", "0"]
    assert lines[3].startswith("  ")
    assert not any(character.isdigit() for character in lines[3])
    assert [line.split()[0] for line in lines[-3:]] == ["macro", "micro", "weighted"]
