"""The ledger adds up, says when it does not balance, and where."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from companion.encoding.ledger import NAMES_KEPT, Ledger
from companion.errors import AlignmentError

ONE = Ledger(
    sentences=1,
    windows=2,
    pieces=9,
    words_in=5,
    words_labelled=4,
    words_rejected={"no piece": 1},
    words_unknown=1,
    words_shortened=1,
    words_repaired=1,
    entities_in=2,
    entities_out=1,
    entities_rejected=1,
    names=("a:1, word 2",),
)


def test_addition_adds_every_field():
    total = Ledger.total([ONE, ONE, Ledger(sentences=1, words_in=1, words_rejected={"other": 1})])
    counted = [field.name for field in fields(Ledger) if isinstance(getattr(ONE, field.name), int)]
    assert len(counted) == 11
    doubled = {name: 2 * getattr(ONE, name) for name in counted}
    assert {name: getattr(total, name) for name in counted} == doubled | {"sentences": 3, "words_in": 11}
    assert total.words_rejected == {"no piece": 2, "other": 1}
    assert total.names == ONE.names * 2
    assert Ledger.total([]) == Ledger()
    total.check()


def test_only_the_first_names_are_kept():
    assert len(Ledger.total([ONE] * 50).names) == NAMES_KEPT


@pytest.mark.parametrize(
    "wrong",
    [Ledger(words_in=1), Ledger(words_labelled=1), Ledger(entities_in=1), Ledger(entities_out=1)],
)
def test_an_unbalanced_ledger_raises_and_names_the_first_sentence(wrong):
    assert ONE.named("dev.conll:1").balanced
    total = ONE.named("dev.conll:1") + wrong.named("dev.conll:5") + wrong.named("dev.conll:9")
    assert not total.balanced
    with pytest.raises(AlignmentError, match=r"first in dev\.conll:5"):
        total.check()


def test_two_faults_that_cancel_out_are_still_seen():
    lost, doubled = Ledger(words_in=1).named("dev.conll:5"), Ledger(words_labelled=1).named("dev.conll:9")
    assert (lost + doubled).words_in == (lost + doubled).words_labelled
    with pytest.raises(AlignmentError, match=r"first in dev\.conll:5"):
        (lost + doubled).check()


def test_a_hand_made_sum_that_does_not_balance_says_so():
    with pytest.raises(AlignmentError, match="in the sum only"):
        Ledger(words_in=1).check()


def test_it_reads_as_a_table_and_as_json():
    text = str(ONE)
    assert text.splitlines()[1].split() == ["words", "5", "4", "1"]
    assert text.splitlines()[2].split() == ["entities", "2", "1", "1"]
    assert "it balances" in text
    assert "1 unknown, 1 shortened, 1 repaired, 1 no piece" in text
    assert "a:1, word 2" in text
    assert "it does NOT balance" in str(Ledger(words_in=1))
    values = json.loads(json.dumps(ONE.to_dict()))
    assert values["balanced"] is True
    assert values["words_rejected"] == {"no piece": 1}
    assert len(values) == len(fields(Ledger)) + 1
