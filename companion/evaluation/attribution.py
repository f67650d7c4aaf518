"""Which words moved an answer: gradients along a path, words taken away, and what attention looked at.

All of them explain one number of one row: the log-odds of a label, log p/(1 − p), so that scores of words are
differences in log-odds. They say what moved *this model*; whether that is also what is true of the world is another
question.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from companion.errors import ConfigError, EvaluationError
from companion.evaluation.passages import Passage, passage_of
from companion.objectives.adversarial import word_tables

if TYPE_CHECKING:
    from torch import Tensor, nn

ROWS_AT_ONCE = 32
BASELINES = ("mask", "pad", "mean", "zero")
READINGS = ("mean", "last", "rollout")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """A number for each word of a row; `strongest` names the word that moved the answer most.

    Taught in: book/engineering/explaining
    """

    method: str
    """How it was found."""
    label: str
    """The label whose log-odds are explained."""
    words: tuple[str, ...]
    """The words of the row."""
    scores: tuple[float, ...]
    """What each word did; positive speaks for the label. Attention has no sign."""
    output: float
    """The log-odds of the label."""
    without: float | None = None
    """The log-odds at the baseline, where no word is seen; None of methods without one."""

    @property
    def strongest(self) -> int:
        """The place of the word with the largest score, its sign aside; the first of several."""
        return max(range(len(self.scores)), key=lambda place: abs(self.scores[place]))

    @property
    def gap(self) -> float | None:
        """Sum of the scores minus the change from baseline to row: 0 where nothing was lost or made up.

        None of methods that promise nothing of the kind.
        """
        return None if self.without is None else sum(self.scores) - (self.output - self.without)


def integrated_gradients(
    task: Any,
    model: nn.Module,
    row: Any,
    *,
    label: str | None = None,
    word: int | None = None,
    steps: int = 32,
    baseline: str = "mask",
) -> Attribution:
    """Gradients of the log-odds, averaged on the straight path from a row of blanks to the row, times the way gone.

    The blanks are the word vector of `baseline`: the mask piece, the padding piece, the mean of all pieces, or zeros;
    special tokens stay as they are. What is explained is the way *from there*: look at `Attribution.without`, for a row
    of blanks may have a label of its own. Scores of the pieces are added up to words. As `steps` grow, the scores add
    up to the change in log-odds from baseline to row (*completeness*); `Attribution.gap` says what is missing. `label`
    is by default the model's answer; of a tagger, `word` says whose.

    Raises:
        ConfigError: an unknown baseline or label, `steps` below 1, or a tagger without `word`.
        EvaluationError: the row does not fit into one window, or the model reads its words in another way.

    Follows: Sundararajan, Taly and Yan (2017), "Axiomatic Attribution for Deep Networks", with midpoints.
    Taught in: book/engineering/explaining
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ConfigError(f"steps is {steps!r}", remedy="give a whole number, 1 or more; 32 is usual")
    with _asked(task, model, row, label, word) as question:
        start_TD, end_TD = question.ends(baseline)
        places = [(step + 0.5) / steps for step in range(steps)]
        slopes_KTD = question.slopes([start_TD + place * (end_TD - start_TD) for place in places])
        scores_T = (slopes_KTD.mean(0) * (end_TD - start_TD)).sum(-1)
        without, output = question.log_odds_at([start_TD, end_TD])
    return question.attribution("integrated gradients", scores_T, output, without)


def gradient_times_input(
    task: Any,
    model: nn.Module,
    row: Any,
    *,
    label: str | None = None,
    word: int | None = None,
    baseline: str = "mask",
) -> Attribution:
    """The gradient at the row alone, times the way from the baseline: cheap, and right where the model is a plane.

    Raises: as `integrated_gradients`, whose first approximation it is.

    Taught in: book/engineering/explaining
    """
    with _asked(task, model, row, label, word) as question:
        start_TD, end_TD = question.ends(baseline)
        scores_T = (question.slopes([end_TD])[0] * (end_TD - start_TD)).sum(-1)
        without, output = question.log_odds_at([start_TD, end_TD])
    return question.attribution("gradient × input", scores_T, output, without)


def occlusion(
    task: Any,
    model: nn.Module,
    row: Any,
    *,
    label: str | None = None,
    word: int | None = None,
    baseline: str = "mask",
) -> Attribution:
    """How far the log-odds fall when the pieces of one word are replaced by blanks, each word in its turn.

    Words that say the same twice hide each other: taking one away changes nothing. The scores add up to nothing
    in particular.

    Raises: as `integrated_gradients`.

    Follows: Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", on words.
    Taught in: book/engineering/explaining
    """
    with _asked(task, model, row, label, word) as question:
        start_TD, end_TD = question.ends(baseline)
        without_WTD = []
        for place in range(len(question.passage.words)):
            own_T1 = torch.tensor([[owner == place] for owner in question.passage.word_of_piece])
            without_WTD.append(torch.where(own_T1.to(end_TD.device), start_TD, end_TD))
        output, *others = question.log_odds_at([end_TD, *without_WTD])
    return Attribution(
        method="occlusion",
        label=question.label,
        words=question.passage.words,
        scores=tuple(output - other for other in others),
        output=output,
    )


def attention_received(
    task: Any, model: nn.Module, row: Any, *, word: int | None = None, reading: str = "mean"
) -> Attribution:
    """How much attention each word gets, averaged over heads: not an explanation, but often shown as one.

    `reading` is the "mean" over the layers, the "last" layer, or the "rollout" (the layers multiplied, each half
    attention and half itself). Who looks is the explained word of a tagger, or every piece of a text in equal parts.
    What special tokens get is left out, so that the scores add up to at most 1.

    Raises:
        ConfigError: an unknown reading, or a tagger without `word`.
        EvaluationError: the body does not say what it attends to.

    Follows: Abnar and Zuidema (2020), "Quantifying Attention Flow in Transformers", for the rollout.
    Taught in: book/engineering/explaining
    """
    if reading not in READINGS:
        raise ConfigError(f"reading is {reading!r}", remedy=f"choose one of {', '.join(READINGS)}")
    with _asked(task, model, row, None, word) as question, torch.no_grad():
        ids_1T = torch.tensor([question.passage.input_ids], device=question.device)
        found = model.base_model(input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T), output_attentions=True)
        layers = [layer_BHTT for layer_BHTT in found.attentions or () if layer_BHTT is not None]
        if not layers:
            raise EvaluationError(
                "the body does not say what it attends to",
                remedy='load it with attn_implementation="eager": quicker kernels never form the weights',
            )
        layers_LTT = torch.stack([layer_BHTT[0].mean(0) for layer_BHTT in layers])
        if reading == "rollout":
            looks_TT = torch.eye(layers_LTT.shape[-1], device=layers_LTT.device)
            for layer_TT in layers_LTT:
                looks_TT = (0.5 * layer_TT + 0.5 * torch.eye(len(layer_TT), device=layer_TT.device)) @ looks_TT
        else:
            looks_TT = layers_LTT[-1] if reading == "last" else layers_LTT.mean(0)
        got_T = looks_TT.mean(0) if question.position is None else looks_TT[question.position]
        [output] = question.log_odds_at([question.ends("zero")[1]])
    return question.attribution(f"attention, {reading}", got_T, output, None)


class _Question:
    """One label of one row, as a function of the row's word vectors."""

    def __init__(self, task: Any, model: nn.Module, passage: Passage, label: str | None, word: int | None) -> None:
        self.task, self.model, self.passage = task, model, passage
        tables = word_tables(model)
        if len(tables) != 1:
            raise EvaluationError(f"the model has {len(tables)} word tables", remedy="explain one model at a time")
        self.table = tables[0]
        self.device = next(model.parameters()).device
        self.position = passage.first_piece(word) if word is not None else None
        self.kind = "single" if task.name == "tokens" else task.settings.kind
        self.column = self._column(label)
        self.label = task.labels[self.column]

    def ends(self, baseline: str) -> tuple[Tensor, Tensor]:
        """Word vectors of the blanks and of the row, each of shape (positions, width)."""
        if baseline not in BASELINES:
            raise ConfigError(f"baseline is {baseline!r}", remedy=f"choose one of {', '.join(BASELINES)}")
        with torch.no_grad():
            end_TD = self.table(torch.tensor(self.passage.input_ids, device=self.device))
            blank_D = self._blank(baseline, end_TD)
        real_T1 = torch.tensor([[word is not None] for word in self.passage.word_of_piece], device=self.device)
        return torch.where(real_T1, blank_D, end_TD), end_TD

    def _blank(self, baseline: str, end_TD: Tensor) -> Tensor:
        if baseline == "zero":
            return torch.zeros_like(end_TD[0])
        if baseline == "mean":
            return self.table.weight.mean(0)
        piece = getattr(self.task.encoder.tokenizer, f"{baseline}_token_id")
        if piece is None:
            raise ConfigError(f"the tokenizer has no {baseline} piece", remedy='choose baseline="zero"')
        return self.table(torch.tensor(piece, device=self.device))

    def log_odds_at(self, rows: list[Tensor]) -> list[float]:
        """The log-odds of the label where the model reads these word vectors."""
        with torch.no_grad():
            return torch.cat([self._log_odds(vectors_KTD) for vectors_KTD in _few(rows)]).tolist()

    def slopes(self, rows: list[Tensor]) -> Tensor:
        """Their gradients, shape (rows, positions, width); no weight gets one."""
        found = []
        for vectors_KTD in _few(rows):
            with torch.enable_grad():
                leaf_KTD = vectors_KTD.detach().requires_grad_()
                # Of a sum over rows, each row's gradient is its own.
                found += torch.autograd.grad(self._log_odds(leaf_KTD).sum(), [leaf_KTD])
        return torch.cat(found)

    def attribution(self, method: str, scores_T: Tensor, output: float, without: float | None) -> Attribution:
        """The scores of the pieces as scores of words."""
        return Attribution(
            method=method,
            label=self.label,
            words=self.passage.words,
            scores=self.passage.per_word(scores_T.double().cpu()),
            output=output,
            without=without,
        )

    def _log_odds(self, vectors_KTD: Tensor) -> Tensor:
        logits_KC = self._logits(vectors_KTD)
        own_K = logits_KC[:, self.column]
        if self.kind != "single":
            return own_K  # of a yes/no answer the logit is the log-odds; a regression has no odds, but a number
        others = [column for column in range(logits_KC.shape[1]) if column != self.column]
        return own_K - logits_KC[:, others].logsumexp(-1)

    def _logits(self, vectors_KTD: Tensor) -> Tensor:
        ids_KT = torch.tensor([self.passage.input_ids] * len(vectors_KTD), device=self.device)
        with _reads(self.table, vectors_KTD):
            logits = self.model(input_ids=ids_KT, attention_mask=torch.ones_like(ids_KT)).logits
        if logits.dim() == 2:
            return logits
        # Trained positions before the text (prompt tuning) have logits too: the text's own are the last ones.
        return logits[:, -ids_KT.shape[1] :][:, self.position]

    def _column(self, label: str | None) -> int:
        if label is None:
            with torch.no_grad():
                return int(self._logits(self.table(torch.tensor([self.passage.input_ids]).to(self.device))).argmax())
        if label not in self.task.labels:
            raise ConfigError(f"there is no label {label!r}", remedy=f"choose one of {', '.join(self.task.labels)}")
        return self.task.labels.index(label)


@contextmanager
def _asked(task: Any, model: nn.Module, row: Any, label: str | None, word: int | None) -> Iterator[_Question]:
    """A question to the model in evaluation mode; afterwards it is in the mode it was in."""
    if (task.name == "tokens") != (word is not None):
        raise ConfigError(
            "a tagger's answer is about a word, and a classifier's is not",
            remedy="give word= for a TokenTask, and leave it out for a TextTask",
        )
    passage, was_training = passage_of(task, row), model.training
    model.eval()
    try:
        yield _Question(task, model, passage, label, word)
    finally:
        model.train(was_training)


@contextmanager
def _reads(table: nn.Module, vectors_KTD: Tensor) -> Iterator[None]:
    """Inside this block, the table gives these vectors, once, whatever it is asked for."""
    reads = 0

    def instead(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        nonlocal reads
        reads += 1
        if output.shape != vectors_KTD.shape or reads > 1:
            raise EvaluationError(
                "the model reads its word vectors more than once, or others", remedy="give it input_ids alone"
            )
        return vectors_KTD

    handle = table.register_forward_hook(instead)
    try:
        yield
    finally:
        handle.remove()


def _few(rows: list[Tensor]) -> Iterator[Tensor]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield torch.stack(rows[start : start + ROWS_AT_ONCE])
