"""Mixed sources: pure functions of (seed, epoch, update), all rows equally often, shares as the temperature says."""

from __future__ import annotations

from collections import Counter

import pytest

import companion
from companion.encoding import JointBatches, SampledBatches
from companion.errors import ConfigError
from companion.tasks import MaskedLMTask
from companion.training import TrainConfig, train
from tests.tiny import tiny_batches


def masked(count: int, batch_size: int = 4):
    encoder = companion.mini_encoder([f"word{number}" for number in range(30)])
    task = MaskedLMTask(encoder)
    texts = [" ".join(f"word{(number + place) % 30}" for place in range(3 + number % 5)) for number in range(count)]
    return task.batches(texts, batch_size=batch_size)


def joint(labelled: int = 10, unlabelled: int = 14):
    return JointBatches({"labelled": tiny_batches(labelled), "unlabelled": masked(unlabelled)}).with_seed(3)


def test_every_update_holds_both_parts_and_the_first_decides_the_epoch():
    source = joint()
    assert source.updates(0) == 3
    for update in range(3):
        window = source.window(0, update)
        assert list(window) == ["labelled", "unlabelled"]
        for part, rows in window.items():
            batch = source.collate(part, rows)
            assert {len(tensor) for tensor in batch.values()} == {len(rows)}
            assert all(source.length(part, row) >= 3 for row in rows)


def test_the_other_source_goes_on_where_it_was():
    source, seen = joint(), []
    for epoch in range(8):
        for update in range(source.updates(epoch)):
            seen += source.window(epoch, update)["unlabelled"]
    # 24 updates are six epochs of the other source; its row numbers carry its own epoch, so none comes twice.
    assert len(seen) == len(set(seen)) == 6 * 14
    assert Counter(row % 14 for row in seen) == dict.fromkeys(range(14), 6)
    assert sorted({row // 14 for row in seen}) == [0, 1, 2, 3, 4, 5]


def test_a_window_is_a_function_of_its_place_alone():
    one, other = joint(), joint()
    places = [(epoch, update) for epoch in range(3) for update in range(3)]
    forwards = {place: one.window(*place) for place in places}
    backwards = {place: other.window(*place) for place in reversed(places)}
    assert forwards == backwards
    assert (
        JointBatches({"labelled": tiny_batches(10), "unlabelled": masked(14)}).with_seed(4).window(0, 0)
        != forwards[0, 0]
    )


def test_the_fingerprint_says_what_is_mixed_and_how():
    prints = {
        joint().fingerprint(),
        joint(11).fingerprint(),
        joint(10, 15).fingerprint(),
        JointBatches({"a": tiny_batches(10), "unlabelled": masked(14)}).with_seed(3).fingerprint(),
        SampledBatches({"labelled": tiny_batches(10), "unlabelled": masked(14)}).with_seed(3).fingerprint(),
        SampledBatches({"labelled": tiny_batches(10), "unlabelled": masked(14)}, temperature=2)
        .with_seed(3)
        .fingerprint(),
    }
    assert len(prints) == 6
    assert joint().fingerprint() == joint().fingerprint()


def sampled(temperature: float, sizes=(400, 100, 20)):
    sources = {f"task {place}": tiny_batches(size, batch_size=4) for place, size in enumerate(sizes)}
    return SampledBatches(sources, temperature=temperature).with_seed(1)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_chances_are_those_of_the_formula_and_the_draws_follow_them(temperature):
    from scipy.stats import chisquare

    source = sampled(temperature)
    sizes = {name: (size / 4) ** (1 / temperature) for name, size in zip(source.sources, (400, 100, 20), strict=True)}
    expected = {name: size / sum(sizes.values()) for name, size in sizes.items()}
    assert source.chances == pytest.approx(expected)
    drawn = Counter(
        next(iter(source.window(epoch, update))) for epoch in range(12) for update in range(source.updates(epoch))
    )
    total = sum(drawn.values())
    assert total == 12 * 130
    assert chisquare([drawn[name] for name in expected], [total * share for share in expected.values()]).pvalue > 0.001


def test_no_row_of_a_sampled_source_comes_more_often_than_another_by_more_than_one():
    source, seen = sampled(2.0), {}
    for epoch in range(3):
        for update in range(source.updates(epoch)):
            [(part, rows)] = source.window(epoch, update).items()
            seen.setdefault(part, Counter()).update(rows)
    for part, counts in seen.items():
        assert max(counts.values()) - min(counts.get(row, 0) for row in range(len(source.sources[part].rows))) <= 1
    assert len(seen) == 3


def test_a_source_plans_each_epoch_once(monkeypatch):
    from companion.encoding.source import RowBatches

    planned, right = [], RowBatches._order_epoch

    def count(self, epoch):
        planned.append((type(self).__name__, epoch))
        return right(self, epoch)

    source = joint()
    monkeypatch.setattr(RowBatches, "_order_epoch", count)
    for epoch in range(3):
        for update in range(source.updates(epoch)):
            for part, rows in source.window(epoch, update).items():
                source.collate(part, rows)
                assert all(source.length(part, row) for row in rows)
    assert len(planned) == len(set(planned)) == 3 + 3


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(ConfigError, match="no source to mix"):
        JointBatches({})
    for temperature in (0.5, 0.0, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="temperature is"):
            SampledBatches({"a": tiny_batches(4)}, temperature=temperature)


def test_a_joint_run_is_resumed_to_the_bit(tmp_path):
    from companion.models import SharedBody
    from companion.objectives import MaskedLMCrossEntropy, Mixture, TokenCrossEntropy
    from companion.tasks import TokenTask
    from tests.tiny import LABELS, digest

    encoder = companion.mini_encoder([f"word{number}" for number in range(30)])
    tagging, language = TokenTask(LABELS, encoder), MaskedLMTask(encoder)

    def go(folder, stop=99):
        model = SharedBody({"labelled": tagging.model(seed=0), "unlabelled": language.model(seed=0)})
        texts = [" ".join(sentence.words) for sentence in sentences(14)]
        source = JointBatches(
            {
                "labelled": tagging.batches(sentences(10), batch_size=4),
                "unlabelled": language.batches(texts, batch_size=4),
            }
        )

        def log(step, values):
            if step == stop:
                raise KeyboardInterrupt

        config = TrainConfig(epochs=3, learning_rate=1e-3, precision="fp32", checkpoint_every=1, progress=False)
        return train(
            model, source, Mixture(TokenCrossEntropy(), MaskedLMCrossEntropy(weight=0.5)), config,
            run_dir=folder, log=log, say=lambda line: None,
        )  # fmt: skip

    whole = go(tmp_path / "whole")
    for stop in (1, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / f"{stop}", stop)
        again = go(tmp_path / f"{stop}")
        assert digest(again.model.state_dict()) == digest(whole.model.state_dict())
        assert again.history == whole.history
    row = whole.history[0]
    assert row["loss"] == pytest.approx(row["supervised"] + 0.5 * row["masked_lm"])


def sentences(count: int):
    from companion.corpora.records import Sentence

    return [
        Sentence(
            words=tuple(f"word{(number + place) % 30}" for place in range(3 + number % 4)),
            tags=("B-PER", *["O"] * (2 + number % 4)),
            source="made",
        )
        for number in range(count)
    ]
