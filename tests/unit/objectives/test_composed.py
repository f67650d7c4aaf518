"""Mixtures, anchors, distillation and surgery: equal to a by-hand computation, and the same however rows are split."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.adaptation import LoRA, adapt
from companion.errors import CheckpointError, ConfigError, ObjectiveError
from companion.objectives import (
    EWC,
    L2SP,
    CausalLMCrossEntropy,
    Distillation,
    MaskedLMCrossEntropy,
    Mixture,
    MultiLabelCrossEntropy,
    SquaredError,
    TokenCrossEntropy,
    cosines,
    fisher_diagonal,
    pcgrad,
    term_gradients,
)
from companion.training import TrainConfig, train
from tests.tiny import digest, tiny_batches, tiny_tagger

QUICK = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**31)


def batch(rows=(0, 1, 2)):
    return {"labelled": tiny_batches().collate("labelled", list(rows))}


def moved(seed: int = 0, scale: float = 0.1):
    model = tiny_tagger()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return model


def go(objective, model=None, *, budget=4096, updates=3):
    return train(
        (tiny_tagger() if model is None else model).double(),
        tiny_batches(count=16, batch_size=8, seed=1),
        objective,
        TrainConfig(max_updates=updates, learning_rate=1e-3, precision="fp32", piece_budget=budget, progress=False),
        say=lambda line: None,
    )


def composed():
    base = tiny_tagger().double()
    fisher = fisher_diagonal(base, TokenCrossEntropy(), [batch([row]) for row in range(3)])
    return {
        "mixture": Mixture(TokenCrossEntropy(), TokenCrossEntropy(term="again", label_smoothing=0.1, weight=0.3)),
        "l2sp": L2SP(TokenCrossEntropy(), base, weight=0.7),
        "ewc": EWC(TokenCrossEntropy(), base, fisher, weight=50.0),
        "distillation": Distillation(TokenCrossEntropy(), moved().double(), weight=0.5),
        "all": L2SP(Distillation(TokenCrossEntropy(), moved().double()), base, weight=0.2),
        "pcgrad": Mixture(TokenCrossEntropy(), TokenCrossEntropy(term="again", label_smoothing=0.9), combine=pcgrad),
    }


@pytest.mark.parametrize("name", composed())
def test_every_composed_objective_gives_the_same_gradient_however_rows_are_split(name):
    whole, split = go(composed()[name]), go(composed()[name], budget=24)
    for first, second in zip(whole.history, split.history, strict=True):
        assert first.keys() == second.keys()
        for key in first:
            assert first[key] == pytest.approx(second[key], rel=1e-9, abs=1e-12)
    for one, other in zip(whole.model.parameters(), split.model.parameters(), strict=True):
        # Adam scales up what is left of gradients that should cancel, such as those of the keys' biases.
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-7)


def test_a_mixture_is_the_weighted_sum_of_the_means():
    first, second = TokenCrossEntropy(), TokenCrossEntropy(term="again", label_smoothing=0.2, weight=0.4)
    run = go(Mixture(first, second), updates=1)
    row = run.history[0]
    assert row["loss"] == pytest.approx(row["supervised"] + 0.4 * row["again"])
    model, rows = tiny_tagger(), batch()
    mixed = Mixture(first, second)(model, rows)
    torch.testing.assert_close(mixed["supervised"], first(model, rows)["supervised"])
    torch.testing.assert_close(mixed["again"], second(model, rows)["again"])


def test_a_part_that_is_missing_is_passed_over_and_counted():
    objective = Mixture(TokenCrossEntropy(), MaskedLMCrossEntropy())
    assert objective.counts(batch()) == TokenCrossEntropy().counts(batch())
    run = go(objective, updates=2)
    assert run.notes == ("2 updates had nothing to count for 'masked_lm'",)


def test_terms_have_names_of_their_own():
    with pytest.raises(ConfigError, match="two objectives have a term called 'supervised'"):
        Mixture(TokenCrossEntropy(), TokenCrossEntropy())
    with pytest.raises(ConfigError, match="no objective to mix"):
        Mixture()
    with pytest.raises(ConfigError, match="weight of 'supervised' is -1"):
        TokenCrossEntropy(weight=-1)


def test_a_mixture_has_only_the_optional_members_that_do_something():
    plain = Mixture(TokenCrossEntropy(), MaskedLMCrossEntropy())
    assert not hasattr(plain, "combine")
    assert not hasattr(plain, "state_dict")
    assert list(plain.parameters()) == []
    base = tiny_tagger()
    held = Mixture(L2SP(TokenCrossEntropy(), base, weight=1.0), TokenCrossEntropy(term="again"))
    assert {name.split("/")[0] for name in held.state_dict()} == {"0"}
    other = Mixture(L2SP(TokenCrossEntropy(), moved(), weight=1.0), TokenCrossEntropy(term="again"))
    other.load_state_dict(held.state_dict())
    assert digest(other.state_dict()) == digest(held.state_dict())
    assert "pcgrad" in repr(Mixture(TokenCrossEntropy(), combine=pcgrad))


@QUICK
@given(SEEDS, st.floats(0.01, 5))
def test_l2sp_by_hand(seed, weight):
    start, now = tiny_tagger(), moved(seed)
    by_hand = sum(
        float(((parameter - origin).detach() ** 2).sum())
        for (name, parameter), origin in zip(now.named_parameters(), start.parameters(), strict=True)
        if name.startswith("bert.")
    )
    objective = L2SP(TokenCrossEntropy(), start, weight=weight)
    assert float(objective.penalty(now)) == pytest.approx(by_hand / 2, rel=1e-5)
    assert float(objective.penalty(start)) == 0.0
    assert objective.weights["l2_sp"] == weight


@QUICK
@given(SEEDS)
def test_the_fisher_diagonal_by_hand(seed):
    model = moved(seed)
    rows = [batch([row]) for row in (0, 3, 5)]
    found = fisher_diagonal(model, TokenCrossEntropy(), rows)
    expected = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for row in rows:
        model.zero_grad()
        inputs = {name: tensor for name, tensor in row["labelled"].items() if name != "labels"}
        labels = row["labelled"]["labels"]
        probabilities = model.eval()(**inputs).logits.log_softmax(-1)
        loss = -sum(probabilities[0, place, label] for place, label in enumerate(labels[0].tolist()) if label >= 0)
        loss.backward()
        for name, parameter in model.named_parameters():
            expected[name] += parameter.grad**2 / 3
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-7)


def test_ewc_by_hand_and_what_it_refuses():
    start, now = tiny_tagger(), moved(3)
    fisher = {name: torch.rand_like(parameter) for name, parameter in start.named_parameters()}
    by_hand = sum(
        float((fisher[name] * (parameter - dict(start.named_parameters())[name]) ** 2).sum())
        for name, parameter in now.named_parameters()
    )
    objective = EWC(TokenCrossEntropy(), start, fisher, weight=2.0)
    assert float(objective.penalty(now)) == pytest.approx(by_hand / 2, rel=1e-5)
    with pytest.raises(ConfigError, match="names 'stranger'"):
        EWC(TokenCrossEntropy(), start, {"stranger": torch.zeros(1)}, weight=1.0)
    with pytest.raises(ObjectiveError, match="no row to measure on"):
        fisher_diagonal(start, TokenCrossEntropy(), [])
    with pytest.raises(ObjectiveError, match="more than one row"):
        fisher_diagonal(start, TokenCrossEntropy(), [batch([0, 1])])
    with pytest.raises(ObjectiveError, match="no parameter of this model"):
        objective.penalty(torch.nn.Linear(2, 2))


def test_a_strong_anchor_holds_the_body_where_it_was():
    start = tiny_tagger()
    apart = {}
    for weight in (0.0, 1e4):
        run = go(L2SP(TokenCrossEntropy(), start.double(), weight=weight), tiny_tagger(), updates=8)
        apart[weight] = sum(
            float((after - before).abs().sum())
            for (name, after), before in zip(run.model.named_parameters(), start.parameters(), strict=True)
            if name.startswith("bert.")
        )
    assert apart[1e4] < 0.5 * apart[0.0]


def test_anchors_travel_through_a_checkpoint(tmp_path):
    start = tiny_tagger()

    def anchored(model):
        return L2SP(TokenCrossEntropy(), model, weight=5.0)

    whole = go(anchored(start), copy.deepcopy(start), updates=4)
    config = TrainConfig(max_updates=4, learning_rate=1e-3, precision="fp32", checkpoint_every=1, progress=False)

    def resumed(model, anchor, stop):
        def log(step, values):
            if step == stop:
                raise KeyboardInterrupt

        return train(
            model.double(), tiny_batches(count=16, batch_size=8, seed=1), anchored(anchor), config,
            run_dir=tmp_path, log=log, say=lambda line: None,
        )  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        resumed(tiny_tagger(), start, 2)
    # The second process has no model from before: its anchors are those of the checkpoint.
    again = resumed(tiny_tagger(), moved().double(), 99)
    assert digest(again.model.state_dict()) == digest(whole.model.state_dict())
    with pytest.raises(CheckpointError, match="anchors are those of another model"):
        anchored(start).load_state_dict({"anchor/other": torch.zeros(1)})


@QUICK
@given(SEEDS, st.floats(0.5, 5))
def test_distillation_by_hand(seed, temperature):
    student, teacher, rows = moved(seed), moved(seed + 1), batch()
    found = Distillation(TokenCrossEntropy(), teacher, temperature=temperature)(student.eval(), rows)["distillation"]
    inputs = {name: tensor for name, tensor in rows["labelled"].items() if name != "labels"}
    total = 0.0
    with torch.no_grad():
        wanted, given = teacher(**inputs).logits, student(**inputs).logits
        for row, place in torch.nonzero(rows["labelled"]["labels"] != -100).tolist():
            p, q = ((logits[row, place] / temperature).softmax(-1).tolist() for logits in (wanted, given))
            total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert float(found) == pytest.approx(temperature**2 * total, rel=1e-3, abs=1e-5)
    assert float(found) >= -1e-6


def test_a_student_of_itself_has_nothing_to_learn_and_the_teacher_stays_as_it_is():
    model = tiny_tagger()
    objective = Distillation(TokenCrossEntropy(weight=0.0), copy.deepcopy(model), weight=1.0)
    assert float(objective(model.eval(), batch())["distillation"]) == pytest.approx(0.0, abs=1e-6)
    before = digest(objective.teacher.state_dict())
    go(Distillation(TokenCrossEntropy(), objective.teacher.double()), moved(), updates=4)
    assert digest({name: tensor.float() for name, tensor in objective.teacher.state_dict().items()}) == before
    assert not objective.teacher.training
    assert not any(parameter.requires_grad for parameter in objective.teacher.parameters())


def test_a_teacher_of_fewer_labels_is_compared_with_the_first_ones():
    import transformers

    student = tiny_tagger()
    config = transformers.BertConfig(**{**student.config.to_dict(), "id2label": {0: "O", 1: "B-LOC"}, "label2id": {}})
    teacher = transformers.BertForTokenClassification(config)
    loss = Distillation(TokenCrossEntropy(), teacher)(student, batch())["distillation"]
    assert loss.requires_grad
    with pytest.raises(ObjectiveError, match="the teacher has 5 classes, the student 2"):
        Distillation(TokenCrossEntropy(), student)(
            teacher, {"labelled": {**batch()["labelled"], "labels": batch()["labelled"]["labels"].clamp(max=1)}}
        )


@pytest.mark.parametrize(
    "options", [{"weight": -1.0}, {"weight": math.nan}, {"temperature": 0.0}, {"temperature": math.inf}]
)
def test_impossible_settings_of_distillation_are_refused(options):
    with pytest.raises(ConfigError):
        Distillation(TokenCrossEntropy(), tiny_tagger(), **options)


VECTORS = st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(VECTORS)
def test_surgery_by_hand(vectors):
    gradients = {f"term {place}": torch.tensor(vector, dtype=torch.float64) for place, vector in enumerate(vectors)}
    total = [0.0] * 4
    for place, vector in enumerate(vectors):
        kept = list(vector)
        for other in [*range(place + 1, len(vectors)), *range(place)]:
            against = vectors[other]
            dot = sum(a * b for a, b in zip(kept, against, strict=True))
            length = sum(b * b for b in against)
            if dot < 0 and length > 0:
                kept = [a - dot / length * b for a, b in zip(kept, against, strict=True)]
        total = [a + b for a, b in zip(total, kept, strict=True)]
    assert pcgrad(gradients).tolist() == pytest.approx(total, abs=1e-9)
    assert gradients["term 0"].tolist() == vectors[0]


def test_two_gradients_that_agree_are_added_and_two_that_fight_lose_their_quarrel():
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])
    assert pcgrad({"a": x, "b": y}).tolist() == [2.0, 1.0]
    against = torch.tensor([-1.0, 1.0])
    step = pcgrad({"a": x, "b": against})
    assert step @ x >= 0
    assert step @ against >= 0
    assert cosines({"a": x, "b": against}) == {("a", "b"): pytest.approx(-math.sqrt(0.5))}
    assert cosines({"a": x, "b": 0 * x}) == {("a", "b"): 0.0}
    with pytest.raises(ValueError, match="no gradient"):
        pcgrad({})


class Answers(torch.nn.Module):
    """A model whose answers are its weights."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits.double())

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.logits


def test_several_labels_a_text_are_distilled_as_yes_or_no_each():
    generator = torch.Generator().manual_seed(0)
    teacher, student = (Answers(torch.randn(4, 3, generator=generator)) for _ in range(2))
    labels = torch.tensor([[1.0, 0.0, 1.0]] * 4)
    objective = Distillation(MultiLabelCrossEntropy(), teacher, temperature=2.0)
    rows = {"labelled": {"input_ids": torch.zeros(4, 1), "labels": labels}}
    said, wanted = (torch.sigmoid(model.logits / 2.0) for model in (student, teacher))
    by_hand = 4 * (wanted * (wanted / said).log() + (1 - wanted) * ((1 - wanted) / (1 - said)).log()).sum()
    assert objective(student, rows)["distillation"].item() == pytest.approx(by_hand.item(), rel=1e-12)
    assert objective.counts(rows)["distillation"] == 12


def test_a_teacher_of_other_labels_or_of_numbers_is_refused():
    rows = {"labelled": {"input_ids": torch.zeros(4, 1), "labels": torch.ones(4, 3)}}
    with pytest.raises(ObjectiveError, match="very labels"):
        Distillation(MultiLabelCrossEntropy(), Answers(torch.ones(4, 2)))(Answers(torch.ones(4, 3)), rows)
    rows["labelled"]["labels"] = torch.ones(4)
    with pytest.raises(ObjectiveError, match="a number"):
        Distillation(SquaredError(), Answers(torch.ones(4, 1)))(Answers(torch.ones(4, 1)), rows)


def test_a_decoder_is_distilled_where_it_predicts_the_labels():
    generator = torch.Generator().manual_seed(0)
    teacher, student = (Answers(torch.randn(1, 5, 7, generator=generator)) for _ in range(2))
    # The question is two pieces long, the answer three: it is predicted at places 1, 2 and 3.
    labels = torch.tensor([[-100, -100, 3, 4, 5]])
    rows = {"text": {"input_ids": torch.zeros(1, 5), "labels": labels}}
    objective = Distillation(CausalLMCrossEntropy(), teacher, part="text", temperature=1.0)
    said, wanted = (model.logits[0, 1:4].log_softmax(-1) for model in (student, teacher))
    by_hand = (wanted.exp() * (wanted - said)).sum()
    assert objective(student, rows)["distillation"].item() == pytest.approx(by_hand.item(), rel=1e-12)
    labels[0, 0] = 1
    assert objective.counts(rows) == {"causal_lm": 3.0, "distillation": 3.0}


def test_l2_sp_holds_neither_a_new_head_nor_what_an_adaptation_put_in():
    adapted = adapt(tiny_tagger(), LoRA(rank=2))
    with pytest.raises(ConfigError, match="no weight to hold on to"):
        L2SP(TokenCrossEntropy(), adapted, weight=1.0)
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(parameter.requires_grad or "LayerNorm" in name)
    anchors = L2SP(TokenCrossEntropy(), adapted, weight=1.0).anchors
    assert anchors
    assert all("LayerNorm" in name for name in anchors)
    with pytest.raises(ConfigError, match="no body"):
        L2SP(TokenCrossEntropy(), Answers(torch.ones(1)), weight=1.0)


def test_rows_are_measured_where_the_model_is():
    class Elsewhere(TokenCrossEntropy):
        def __call__(self, model, batch):
            assert batch["labelled"]["input_ids"].device.type == "meta"
            return {self.term: sum(parameter.sum() for parameter in model.parameters())}

    model = tiny_tagger().to("meta")
    assert set(fisher_diagonal(model, Elsewhere(), [batch([0])])) == set(dict(model.named_parameters()))
    assert set(term_gradients(model, Elsewhere(), batch())) == {"supervised"}
