"""What pre-training buys: the record's claims, its grid, and a small run from start to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.corpora.microlanguage import MicroLanguage
from companion.experiments import load_record, values_of, what_pretraining_buys
from companion.experiments.what_pretraining_buys import (
    GRID_SEEDS,
    MASKED,
    NAME,
    SEEDS,
    SHARE,
    SHARES,
    UPDATES,
    fine_tuned_f1,
    neighbours_of_one_category,
    pretrain,
    run,
)


def test_the_fast_profile_measures_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_pretraining_buys, "LABELLED", 48)
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["updates"] for cell in cells] == [0, 20]
    without, little = (cell.result for cell in cells)
    assert without["pretraining_rows"] == 0 and little["pretraining_rows"] == 20 * 64
    assert {"every_name_f1_48", "every_name_f1_384"} <= set(without) and "every_name_f1_48" not in little
    assert little["masked_lm_loss"] < without["masked_lm_loss"] - 1
    assert without["never_labelled_f1"] < 0.4


def test_the_record_holds_both_arms_for_all_seeds_and_the_grid_for_some() -> None:
    cells = load_record(NAME)
    found = {tuple(cell.factors[name] for name in ("updates", "share", "masked", "seed")) for cell in cells}
    wanted = {(updates, SHARE, MASKED, seed) for updates in (0, UPDATES[-1]) for seed in SEEDS}
    wanted |= {(UPDATES[-1], SHARE, 1.0, seed) for seed in SEEDS}
    wanted |= {(updates, share, MASKED, seed) for updates in UPDATES for share in SHARES for seed in GRID_SEEDS}
    assert found == wanted


def test_reading_finds_names_that_were_never_labelled_in_every_seed() -> None:
    cells = load_record(NAME)
    without = values_of(cells, "never_labelled_f1", updates=0)
    reads = values_of(cells, "never_labelled_f1", updates=UPDATES[-1], share=SHARE, masked=MASKED)
    assert len(without) == len(reads) == len(SEEDS)
    assert max(without) < 0.35 and min(reads) > 0.9
    assert min(values_of(cells, "labelled_f1", updates=0)) > 0.95, "not for want of training"
    assert min(values_of(cells, "every_name_f1_3200", updates=0)) > 0.98


def test_neighbours_know_a_table_that_is_sorted() -> None:
    import torch

    language = MicroLanguage(seed=3, names_per_category=6, labelled_per_category=2)
    encoder, judged = pretrain(language, updates=0)
    assert judged["masked_accuracy"] < 0.1
    rows = encoder.tokenizer.convert_tokens_to_ids(list(language.category_of))
    table = encoder.body.embeddings.word_embeddings.weight
    with torch.no_grad():
        for place, row in enumerate(rows):
            table[row] = torch.eye(table.shape[1])[place // 6] + 0.01 * torch.eye(table.shape[1])[8 + place]
        assert neighbours_of_one_category(language, encoder) == 1.0
        for place, row in enumerate(rows):
            table[row] = torch.eye(table.shape[1])[place % 6] + 0.01 * torch.eye(table.shape[1])[8 + place]
        assert neighbours_of_one_category(language, encoder) == 0.0


def test_each_judged_part_has_its_score_and_the_run_repeats() -> None:
    language = MicroLanguage(seed=0, names_per_category=6, labelled_per_category=2)
    encoder, _ = pretrain(language, updates=0)
    corpus = language.corpus(train=60, test=40)
    scores = fine_tuned_f1(encoder, corpus.train, corpus.train, corpus.test)
    assert len(scores) == 2 and all(0.0 <= score <= 1.0 for score in scores)
    assert scores == fine_tuned_f1(encoder, corpus.train, corpus.train, corpus.test)
    [other] = fine_tuned_f1(encoder, corpus.train, corpus.train, seed=1)
    assert other == pytest.approx(scores[0], abs=0.5)
