"""FGM and PGD: equal to a by-hand computation, one norm per sentence, no weight written, exact under any split."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.adaptation import HeadOnly, LoRA, PrefixTuning, PromptTuning, adapt
from companion.encoding.source import TokenBatches
from companion.encoding.windows import Window
from companion.errors import ConfigError, ObjectiveError
from companion.models.averaging import Ensemble
from companion.models.minibert import MiniBert, MiniBertForTokenClassification
from companion.models.shared import SharedBody
from companion.objectives import (
    FGM,
    PGD,
    Distillation,
    MaskedLMCrossEntropy,
    Mixture,
    TokenCrossEntropy,
    perturbed,
    word_tables,
)
from companion.training import TrainConfig, train
from tests.tiny import LABELS, VOCABULARY, digest, tiny_batches, tiny_tagger

PLAIN = TokenCrossEntropy()


def batch(rows=(0, 1, 2)):
    return {"labelled": tiny_batches().collate("labelled", list(rows))}


def go(objective, model=None, *, budget=4096, updates=3, **settings):
    return train(
        (tiny_tagger() if model is None else model).double(),
        tiny_batches(count=16, batch_size=8, seed=1),
        objective,
        TrainConfig(
            max_updates=updates, learning_rate=1e-3, precision="fp32", piece_budget=budget, progress=False, **settings
        ),
        say=lambda line: None,
    )


def table_of(model):
    return model.bert.embeddings.word_embeddings


def hooks_of(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def from_vectors(model, vectors_BTD, rows):
    """The loss of a model that is given its word vectors."""
    inputs = {"inputs_embeds": vectors_BTD, "attention_mask": rows["labelled"]["attention_mask"]}
    return PLAIN.from_logits(model(**inputs).logits, rows["labelled"]["labels"])


@pytest.mark.parametrize("epsilon", [0.1, 2.0])
def test_fgm_by_hand_is_fgm(epsilon):
    model, rows = tiny_tagger().double(), batch()
    found = FGM(PLAIN, epsilon=epsilon)(model, rows)
    vectors_BTD = table_of(model)(rows["labelled"]["input_ids"]).detach().requires_grad_()
    clean = from_vectors(model, vectors_BTD, rows)
    clean.backward()
    moved = [
        vectors + epsilon * slope / slope.norm() for vectors, slope in zip(vectors_BTD, vectors_BTD.grad, strict=True)
    ]
    by_hand = from_vectors(model, torch.stack(moved).detach(), rows)
    torch.testing.assert_close(found["supervised"], clean, rtol=1e-12, atol=0)
    torch.testing.assert_close(found["adversarial"], by_hand, rtol=1e-9, atol=0)
    assert found["adversarial"] > found["supervised"]


def test_pgd_by_hand_is_pgd_and_stays_in_its_ball():
    model, rows, epsilon, size = tiny_tagger().double(), batch(), 0.5, 0.3
    objective = PGD(PLAIN, epsilon=epsilon, steps=4, step_size=size)
    start_BTD = table_of(model)(rows["labelled"]["input_ids"]).detach()
    r = torch.zeros_like(start_BTD)
    for _ in range(4):
        here = (start_BTD + r).requires_grad_()
        [slope] = torch.autograd.grad(from_vectors(model, here, rows), [here])
        for row in range(len(r)):
            r[row] = r[row] + size * slope[row] / slope[row].norm()
            r[row] = r[row] * min(1.0, epsilon / float(r[row].norm()))
    torch.testing.assert_close(objective.perturbation(model, rows), r, rtol=1e-8, atol=1e-12)
    by_hand = from_vectors(model, start_BTD + r, rows)
    torch.testing.assert_close(objective(model, rows)["adversarial"], by_hand, rtol=1e-9, atol=0)
    one, four = (found(model, rows)["adversarial"].item() for found in (FGM(PLAIN, epsilon=epsilon), objective))
    assert four > one - 1e-3


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=5, unique=True), st.floats(0.01, 10))
def test_every_sentence_is_moved_by_exactly_epsilon_whatever_it_meets(places, epsilon):
    model, objective = tiny_tagger(seed=3), FGM(PLAIN, epsilon=epsilon)
    together = objective.perturbation(model, batch(places))
    mask_BT = batch(places)["labelled"]["attention_mask"]
    assert together.flatten(1).norm(dim=1).tolist() == pytest.approx([epsilon] * len(places), rel=1e-5)
    # Padding is not moved, and each sentence is moved as if it were alone.
    assert float((together * (1 - mask_BT).unsqueeze(-1)).abs().max()) == 0.0
    for row, place in enumerate(places):
        alone = objective.perturbation(model, batch([place]))[0]
        torch.testing.assert_close(together[row, : len(alone)], alone, rtol=1e-3, atol=1e-4 * epsilon)


def test_a_norm_over_the_batch_would_depend_on_the_split():
    """The sabotaged twin: what is usual moves a sentence differently in other company."""
    model = tiny_tagger().double()

    def usual(rows):
        vectors_BTD = table_of(model)(rows["labelled"]["input_ids"]).detach().requires_grad_()
        [slope] = torch.autograd.grad(from_vectors(model, vectors_BTD, rows), [vectors_BTD])
        return slope / slope.norm()

    alone, together = usual(batch([0]))[0], usual(batch([0, 1, 2]))[0]
    assert float(together.norm()) < 0.9 * float(alone.norm())


@pytest.mark.parametrize("objective", [FGM(PLAIN, epsilon=0.5), PGD(PLAIN, epsilon=0.5)])
def test_any_split_of_the_same_rows_gives_the_same_run(objective):
    whole, split = go(objective, updates=2), go(objective, budget=24, updates=2)
    assert {"supervised", "adversarial"} < whole.history[0].keys()
    for first, second in zip(whole.history, split.history, strict=True):
        for key in first:
            assert first[key] == pytest.approx(second[key], rel=1e-8, abs=1e-11)


def test_counts_are_those_of_the_objective_for_both_terms():
    weighted = TokenCrossEntropy(class_weights=[1.0, 2.0, 2.0, 3.0, 3.0])
    counts = FGM(weighted).counts(batch())
    assert counts["supervised"] == counts["adversarial"] == weighted.counts(batch())["supervised"]
    assert FGM(PLAIN).counts({"unlabelled": batch()["labelled"]}) == {}
    assert FGM(PLAIN)(tiny_tagger(), {"unlabelled": batch()["labelled"]}) == {}
    [row] = go(FGM(PLAIN, weight=0.25), updates=1).history
    assert row["loss"] == pytest.approx(row["supervised"] + 0.25 * row["adversarial"])


def test_no_weight_is_written_and_no_hook_is_left():
    model = tiny_tagger()
    before = digest(model.state_dict())
    losses = PGD(PLAIN)(model, batch())
    sum(losses.values()).backward()
    assert digest(model.state_dict()) == before
    assert hooks_of(model) == 0
    FGM(PLAIN).perturbation(model, batch())
    assert digest(model.state_dict()) == before


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_exception_in_any_pass_leaves_the_model_as_it_was(fails_at):
    model, calls = tiny_tagger(), []
    before, plain = digest(model.state_dict()), PLAIN(model, batch())["supervised"]
    forward = model.classifier.forward

    def breaks(hidden):
        calls.append(hidden)
        if len(calls) == fails_at:
            raise RuntimeError("cut off")
        return forward(hidden)

    model.classifier.forward = breaks
    with pytest.raises(RuntimeError, match="cut off"):
        PGD(PLAIN, steps=2)(model, batch())
    model.classifier.forward = forward
    assert len(calls) == fails_at
    assert hooks_of(model) == 0
    assert digest(model.state_dict()) == before
    assert torch.equal(PLAIN(model, batch())["supervised"], plain)


def test_the_clean_term_has_the_gradient_that_it_has_alone():
    model = tiny_tagger().double()
    PLAIN(model, batch())["supervised"].backward()
    alone = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    FGM(PLAIN)(model, batch())["supervised"].backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, alone[name], rtol=1e-10, atol=1e-14)


def mini():
    config = copy.copy(tiny_tagger().config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MiniBertForTokenClassification(MiniBert(config), len(LABELS))


@pytest.mark.parametrize(
    "model",
    [
        mini,
        lambda: adapt(tiny_tagger(), LoRA(rank=2)),
        lambda: adapt(tiny_tagger(), HeadOnly()),
        lambda: adapt(tiny_tagger(), PromptTuning(length=2)),
        lambda: adapt(tiny_tagger(), PrefixTuning(length=2)),
        lambda: SharedBody({"labelled": tiny_tagger()}),
    ],
    ids=["minibert", "lora", "head", "prompt", "prefix", "shared"],
)
def test_it_works_with_other_bodies_and_adaptations(model):
    model = model().eval()
    losses = FGM(PLAIN, epsilon=1.0)(model, batch())
    assert losses["adversarial"] > losses["supervised"]
    sum(losses.values()).backward()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert trained
    assert all(parameter.grad is not None for parameter in trained)
    moved = FGM(PLAIN).perturbation(model, batch())
    assert moved.shape[:2] == batch()["labelled"]["input_ids"].shape


def test_activation_checkpointing_and_dropout_change_nothing_but_memory():
    def losses(recomputed):
        model = tiny_tagger(dropout=0.2)
        run = go(FGM(PLAIN, epsilon=0.5), model, activation_checkpointing=recomputed)
        return [row["loss"] for row in run.history], digest(run.model.state_dict())

    assert losses(False) == losses(True)


def test_bf16_is_fine():
    model, rows = tiny_tagger(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        losses = FGM(PLAIN, epsilon=1.0)(model, rows)
        moved = FGM(PLAIN, epsilon=1.0).perturbation(model, rows)
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    assert moved.flatten(1).norm(dim=1).tolist() == pytest.approx([1.0] * 3, rel=1e-4)


def test_a_sentence_without_a_label_is_not_moved():
    rows = batch()
    rows["labelled"]["labels"][1] = -100
    norms = FGM(PLAIN).perturbation(tiny_tagger(), rows).flatten(1).norm(dim=1).tolist()
    assert norms == pytest.approx([1.0, 0.0, 1.0], rel=1e-5)


def test_a_tiny_slope_is_still_a_direction():
    model = tiny_tagger()
    with torch.no_grad():
        model.classifier.weight *= 1e-25
    norms = FGM(PLAIN).perturbation(model, batch()).flatten(1).norm(dim=1).tolist()
    assert norms == pytest.approx([1.0] * 3, rel=1e-4)


def test_it_composes():
    both = Mixture(FGM(PLAIN), MaskedLMCrossEntropy())
    assert set(both.weights) == {"supervised", "adversarial", "masked_lm"}
    held = Distillation(FGM(PLAIN), tiny_tagger(seed=5).double())
    assert set(go(held, updates=1).history[0]) >= {"supervised", "adversarial", "distillation"}
    assert repr(FGM(PLAIN)).startswith("FGM(TokenCrossEntropy")
    assert "steps=3, step_size=0.833333" in repr(PGD(PLAIN))


def test_a_perturbed_model_reads_moved_words_inside_the_block_only():
    model, rows = tiny_tagger().eval(), batch()
    inputs = {name: tensor for name, tensor in rows["labelled"].items() if name != "labels"}
    before = model(**inputs).logits
    moved = FGM(PLAIN, epsilon=3.0).perturbation(model, rows)
    with torch.no_grad(), perturbed(model, moved):
        inside = model(**inputs).logits
    assert not torch.allclose(inside, before)
    assert torch.equal(model(**inputs).logits, before)
    with pytest.raises(ObjectiveError, match="perturb the rows"), perturbed(model, moved[:1]):
        model(**inputs)
    assert hooks_of(model) == 0


def test_what_it_refuses():
    for wrong in (0.0, -1.0, math.nan, math.inf, True, "1"):
        with pytest.raises(ConfigError, match="epsilon"):
            FGM(PLAIN, epsilon=wrong)
    for wrong in (0, 1.5, True):
        with pytest.raises(ConfigError, match="steps"):
            PGD(PLAIN, steps=wrong)
    with pytest.raises(ConfigError, match="step_size"):
        PGD(PLAIN, step_size=0)
    with pytest.raises(ConfigError, match="one is needed"):
        FGM(Mixture(PLAIN, TokenCrossEntropy(term="again")))
    with pytest.raises(ConfigError, match="called 'adversarial' already"):
        FGM(TokenCrossEntropy(term="adversarial"))
    with pytest.raises(ObjectiveError, match="no table of word embeddings"):
        FGM(PLAIN)(torch.nn.Linear(2, 2), batch())
    compiled = tiny_tagger()
    compiled._compiled_call_impl = compiled._call_impl
    with pytest.raises(ConfigError, match="compiled forward pass"):
        FGM(PLAIN)(compiled, batch())

    class Twice(TokenCrossEntropy):
        def __call__(self, model, rows):
            return {self.term: super().__call__(model, rows)[self.term] + super().__call__(model, rows)[self.term]}

    with pytest.raises(ObjectiveError, match="2 times in a pass"):
        FGM(Twice())(tiny_tagger(), batch())


def test_a_large_table_gets_its_gradient_as_rows_and_the_same_run(monkeypatch):
    """The loop's quick path for large tables sees both passes."""
    from companion.training import rows

    slow = go(FGM(PLAIN, epsilon=0.5), updates=2)
    monkeypatch.setattr(rows, "SMALLEST", 1)
    quick = go(FGM(PLAIN, epsilon=0.5), updates=2)
    for one, other in zip(slow.model.parameters(), quick.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


def test_every_member_of_an_ensemble_is_moved():
    members = [tiny_tagger(seed=seed) for seed in (0, 1)]
    ensemble = Ensemble(members)
    assert len(word_tables(ensemble)) == 2
    losses = FGM(PLAIN, epsilon=1.0)(ensemble, batch())
    assert losses["adversarial"] > losses["supervised"]
    moved = FGM(PLAIN, epsilon=1.0).perturbation(ensemble, batch())
    inputs = {name: tensor for name, tensor in batch()["labelled"].items() if name != "labels"}
    with torch.no_grad(), perturbed(ensemble, moved):
        for member, before in zip(members, [tiny_tagger(seed=seed) for seed in (0, 1)], strict=True):
            assert not torch.allclose(member(**inputs).logits, before(**inputs).logits)


def test_rows_of_one_label_each_are_perturbed_row_by_row():
    """One piece between the special ones: the shortest row there is."""
    window = Window(input_ids=[1, 7, 2], labels=[-100, 2, -100], word_of_piece=[None, 0, None], owned=range(1))
    source = TokenBatches([window], pad_token_id=0, batch_size=1)
    moved = FGM(PLAIN, epsilon=0.2).perturbation(tiny_tagger(), {"labelled": source.collate("labelled", [0])})
    assert float(moved.norm()) == pytest.approx(0.2, rel=1e-5)
    assert VOCABULARY > 7
