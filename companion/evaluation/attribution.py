"""Which words moved an answer: gradients along a path, words taken away, and what attention looked at.

All of them explain one number of one row: the log-odds of a label, log p/(1 − p), so that scores of words are
differences in log-odds. They say what moved *this model*; whether that is also what is true of the world is another
question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from companion.errors import ConfigError, EvaluationError
from companion.evaluation.questions import Question, asked

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    with asked(task, model, row, label, word) as question:
        start_TD, end_TD = question.ends(baseline)
        places = [(step + 0.5) / steps for step in range(steps)]
        slopes_KTD = question.slopes([start_TD + place * (end_TD - start_TD) for place in places])
        scores_T = (slopes_KTD.mean(0) * (end_TD - start_TD)).sum(-1)
        without, output = question.log_odds_at([start_TD, end_TD])
    return _scored(question, "integrated gradients", scores_T, output, without)


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
    with asked(task, model, row, label, word) as question:
        start_TD, end_TD = question.ends(baseline)
        scores_T = (question.slopes([end_TD])[0] * (end_TD - start_TD)).sum(-1)
        without, output = question.log_odds_at([start_TD, end_TD])
    return _scored(question, "gradient × input", scores_T, output, without)


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
    with asked(task, model, row, label, word) as question:
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
    with asked(task, model, row, None, word) as question, torch.no_grad():
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
    return _scored(question, f"attention, {reading}", got_T, output, None)


def _scored(question: Question, method: str, scores_T: Tensor, output: float, without: float | None) -> Attribution:
    """The scores of the pieces as scores of words."""
    return Attribution(
        method=method,
        label=question.label,
        words=question.passage.words,
        scores=question.passage.per_word(scores_T.cpu().double()),
        output=output,
        without=without,
    )
