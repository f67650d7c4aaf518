"""Masked and causal cross-entropy equal a computation by hand, and any split gives the same gradient."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora.microlanguage import MicroLanguage
from companion.encoding.contract import IGNORE_INDEX
from companion.models.miniature import mini_encoder
from companion.objectives.masked_lm import CausalLMCrossEntropy, MaskedLMCrossEntropy
from companion.objectives.supervised import TokenCrossEntropy
from companion.tasks.masked_lm import MaskedLMTask

WORLD = MicroLanguage(seed=0)
TASK = MaskedLMTask(mini_encoder(WORLD.vocabulary, width=32, heads=2, dropout=0.0))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(2, 6), st.integers(2, 7), st.floats(0.1, 50.0))
def test_the_sums_equal_those_by_hand(seed: int, rows: int, length: int, vocabulary: int, scale: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, length, vocabulary, dtype=torch.float64, generator=draw)
    labels = torch.randint(0, vocabulary, (rows, length), generator=draw)
    labels[torch.rand(rows, length, generator=draw) < 0.5] = -100
    log_p = logits - logits.logsumexp(-1, keepdim=True)
    masked = causal = 0.0
    counted = 0
    for row in range(rows):
        for place in range(length):
            gold = int(labels[row, place])
            if gold != -100:
                masked -= float(log_p[row, place, gold])
                if place:
                    causal -= float(log_p[row, place - 1, gold])
                    counted += 1
    tolerance = 1e-9 * max(1.0, scale) * rows * length
    assert abs(float(MaskedLMCrossEntropy().from_logits(logits, labels)) - masked) < tolerance
    objective = CausalLMCrossEntropy()
    assert abs(float(objective.from_logits(logits, labels)) - causal) < tolerance
    assert objective.counts({"text": {"labels": labels}}) == {"causal_lm": float(counted)}


def test_scoring_masked_positions_alone_is_the_same_loss() -> None:
    model = TASK.model(seed=1).eval()
    source = TASK.batches(WORLD.text(16), batch_size=16, seed=0)
    batch = {"unlabelled": source.collate("unlabelled", range(16))}
    fast = TASK.objective(model, batch)["masked_lm"]
    inputs = dict(batch["unlabelled"])
    labels = inputs.pop("labels")
    slow = TASK.objective.from_logits(model(**inputs).logits, labels)
    assert abs(float(fast - slow)) < 1e-3 * abs(float(slow)) / 100


def test_the_gradient_of_any_split_is_that_of_the_whole() -> None:
    source = TASK.batches(WORLD.text(12), batch_size=12, seed=0)

    def gradient(split: list[list[int]]) -> torch.Tensor:
        model, total = TASK.model(seed=1).double(), 0.0
        for rows in split:
            batch = {"unlabelled": source.collate("unlabelled", rows)}
            total += TASK.objective.counts(batch)["masked_lm"]
            TASK.objective(model, batch)["masked_lm"].backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]) / total

    whole = gradient([list(range(12))])
    for split in ([[0], list(range(1, 12))], [list(range(5)), list(range(5, 12))], [[row] for row in range(12)]):
        assert float((gradient(split) - whole).norm() / whole.norm()) < 1e-12


def test_a_part_that_is_not_there_counts_for_nothing() -> None:
    assert MaskedLMCrossEntropy().counts({}) == {} == CausalLMCrossEntropy().counts({})
    assert MaskedLMCrossEntropy()(TASK.model(), {}) == {}


def test_only_the_answer_is_learned_where_the_question_is_ignored() -> None:
    logits = torch.zeros(1, 5, 8)
    labels = torch.tensor([[-100, -100, -100, 6, 7]])
    objective = CausalLMCrossEntropy()
    assert objective.counts({"text": {"labels": labels}}) == {"causal_lm": 2.0}
    assert torch.allclose(objective.from_logits(logits, labels), 2 * torch.tensor(8.0).log())


def test_a_subclass_with_a_loss_of_its_own_is_given_scores_and_labels_of_whole_rows() -> None:
    class Unshifted(CausalLMCrossEntropy):
        def from_logits(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return TokenCrossEntropy.from_logits(self, logits, labels)

    labels = torch.tensor([[IGNORE_INDEX, 2, 1], [3, IGNORE_INDEX, IGNORE_INDEX]])
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    batch = {"text": {"input_ids": labels.clamp(min=0), "labels": labels}}
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    assert torch.allclose(Unshifted()(lambda input_ids: logits, batch)["causal_lm"], expected)
