"""Masking: BERT's shares, never a special piece, the same again for the same key, another mask each epoch."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.microlanguage import MicroLanguage
from companion.encoding.masking import MaskedBatches, Masking, mask_row
from companion.errors import ConfigError, DataError
from companion.models.miniature import mini_encoder
from companion.tasks.masked_lm import MaskedLMTask

WORLD = MicroLanguage(seed=0)
TASK = MaskedLMTask(mini_encoder(WORLD.vocabulary, width=32, heads=2))
SPECIAL, MASK = (0, 1, 2, 3, 4), 4


def test_the_shares_are_those_of_bert() -> None:
    draw, rows, vocabulary = random.Random(0), 4000, list(range(5, 1000))
    row = [2, *range(10, 30), 3]
    kinds: Counter[str] = Counter()
    for _ in range(rows):
        hidden = mask_row(row, Masking(), special=SPECIAL, mask_id=MASK, vocabulary=vocabulary, draw=draw)
        for place, label in enumerate(hidden.labels):
            if label != -100:
                assert label == row[place]
                seen = hidden.input_ids[place]
                kinds["mask" if seen == MASK else "same" if seen == label else "random"] += 1
            else:
                assert hidden.input_ids[place] == row[place]
    chosen = kinds.total()
    assert chosen / (rows * 20) == pytest.approx(0.15, abs=0.003)
    for kind, share in (("mask", 0.8), ("random", 0.1), ("same", 0.1)):
        spread = 4 * math.sqrt(share * (1 - share) / chosen)
        assert kinds[kind] / chosen == pytest.approx(share, abs=spread), kind


@given(st.lists(st.integers(5, 50), min_size=1, max_size=30), st.floats(0.01, 1.0), st.integers(0, 10**6))
def test_special_pieces_are_never_hidden_and_one_piece_always_is(row: list[int], share: float, seed: int) -> None:
    row = [2, *row, 3, 0, 0]
    hidden = mask_row(
        row, Masking(share=share), special=SPECIAL, mask_id=MASK, vocabulary=[7], draw=random.Random(seed)
    )
    chosen = [place for place, label in enumerate(hidden.labels) if label != -100]
    assert 1 <= len(chosen) <= math.ceil(share * (len(row) - 4)) or len(chosen) == 1
    assert all(row[place] not in SPECIAL for place in chosen)
    assert [piece for piece, label in zip(row, hidden.labels, strict=True) if label == -100] == [
        piece for piece, label in zip(hidden.input_ids, hidden.labels, strict=True) if label == -100
    ]


def test_a_batch_is_a_pure_function_of_seed_epoch_and_update() -> None:
    source = TASK.batches(WORLD.text(40), batch_size=8, seed=1)
    again = TASK.batches(WORLD.text(40), batch_size=8).with_seed(1)
    for epoch in (0, 1):
        rows = set()
        for update in range(source.updates(epoch)):
            assert source.window(epoch, update) == again.window(epoch, update)
            [(part, ids)] = source.window(epoch, update).items()
            assert part == "unlabelled"
            one, other = source.collate(part, ids), again.collate(part, ids)
            assert all(bool((one[name] == other[name]).all()) for name in one)
            assert [source.length(part, number) for number in ids] == one["attention_mask"].sum(1).tolist()
            rows |= {number - epoch * 40 for number in ids}
        assert rows == set(range(40))
    masks = [[source.masked(epoch * 40 + row).labels for row in range(40)] for epoch in (0, 1)]
    assert sum(one != other for one, other in zip(*masks, strict=True)) > 30
    other = TASK.batches(WORLD.text(40), batch_size=8, seed=2)
    assert [source.masked(row) for row in range(40)] != [other.masked(row) for row in range(40)]
    assert len({source.fingerprint(), again.fingerprint(), other.fingerprint()}) == 2


def test_long_texts_become_several_rows_and_lose_no_piece() -> None:
    task = MaskedLMTask(TASK.encoder, max_length=8)
    words = list(WORLD.vocabulary[:20])
    rows = task.rows([" ".join(words)])
    inner = [piece for row in rows for piece in row[1:-1]]
    assert len(rows) == 4 and max(map(len, rows)) == 8
    assert TASK.encoder.tokenizer.convert_ids_to_tokens(inner) == words


def test_the_evaluator_uses_the_same_masks_every_time_whatever_came_before() -> None:
    model = TASK.model(seed=0)
    evaluate = TASK.evaluator(WORLD.text(30))
    first = evaluate(model.train())
    assert evaluate(model) == first and model.training
    assert first["masked_lm_loss"] == pytest.approx(math.log(len(WORLD.vocabulary)), abs=0.6)
    assert 0.0 <= first["masked_accuracy"] <= 0.2


def test_what_cannot_be_masked_is_refused() -> None:
    for wrong in ({"share": 0.0}, {"share": 1.2}, {"masked": 0.8, "random": 0.3}, {"random": -0.1}):
        with pytest.raises(ConfigError):
            Masking(**wrong)
    with pytest.raises(DataError):
        TASK.batches([])
    with pytest.raises(ConfigError, match="max_length"):
        MaskedLMTask(TASK.encoder, max_length=2)
    tokenizer = mini_encoder(["a"], width=4, heads=1).tokenizer
    tokenizer.mask_token = None
    with pytest.raises(ConfigError, match="no mask token"):
        MaskedBatches([[2, 5, 3]], tokenizer)
