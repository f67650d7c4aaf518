"""Attributions: completeness, who was right, and the guards with their sabotaged twins."""

import pytest
import torch

import companion
from companion.corpora.texts import Text
from companion.errors import ConfigError, EvaluationError
from companion.evaluation import attention_received, gradient_times_input, integrated_gradients, occlusion
from companion.evaluation.passages import passage_of
from tests.apple import Apple
from tests.tokenizers import make_model_folder

LANGUAGE = companion.MicroLanguage(seed=0)
TEXT = " ".join(LANGUAGE.sentences(1)[0].words)


@pytest.fixture(scope="module")
def classifier():
    encoder = companion.mini_encoder(LANGUAGE.vocabulary, width=16, heads=2)
    task = companion.TextTask(("bad", "good"), encoder)
    model = task.model(seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            # First weights are so small that everything is about linear; these are not.
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    return task, model


@pytest.fixture(scope="module")
def tagger():
    encoder = companion.mini_encoder(LANGUAGE.vocabulary, width=16, heads=2)
    task = companion.TokenTask(("O", "B-PER", "I-PER"), encoder)
    return task, task.model(seed=1)


def test_scores_add_up_to_the_change_in_log_odds(classifier):
    few, many = (integrated_gradients(*classifier, TEXT, steps=steps) for steps in (2, 128))
    assert abs(many.gap) < 1e-3
    assert abs(many.gap) < abs(few.gap)
    assert len(many.scores) == len(many.words)
    assert many.output != pytest.approx(many.without, abs=1e-3)


@pytest.mark.parametrize("baseline", ["mask", "pad", "mean", "zero"])
def test_completeness_holds_for_every_baseline(classifier, baseline):
    assert abs(integrated_gradients(*classifier, TEXT, steps=128, baseline=baseline).gap) < 1e-3


def test_the_sabotaged_twin_forgets_the_baseline(classifier):
    """Times the input instead of the way gone: a common slip, which completeness catches."""
    task, model = classifier
    model.eval()
    good = integrated_gradients(task, model, TEXT, steps=64)
    table = model.base_model.embeddings.word_embeddings
    ids = torch.tensor([passage_of(task, TEXT).input_ids])
    mask = table(torch.tensor(task.encoder.tokenizer.mask_token_id))
    real = torch.ones_like(ids[0], dtype=torch.bool)
    real[[0, -1]] = False
    slopes = []
    for step in range(64):
        path = mask + (step + 0.5) / 64 * (table(ids)[0] - mask)
        path = torch.where(real[:, None], path, table(ids)[0]).detach().requires_grad_()
        handle = table.register_forward_hook(lambda module, inputs, output, path=path: path[None])
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        handle.remove()
        column = task.labels.index(good.label)
        slopes.append(torch.autograd.grad(logits[column] - logits[1 - column], path)[0])
    slope = torch.stack(slopes).mean(0)
    right = (slope * (table(ids)[0] - mask))[real].sum()
    wrong = (slope * table(ids)[0])[real].sum()
    change = good.output - good.without
    assert float(right.detach()) == pytest.approx(sum(good.scores), abs=1e-4)
    assert abs(float(wrong.detach()) - change) > 10 * abs(float(right.detach()) - change) + 1e-3


def test_a_word_that_the_model_cannot_see_has_no_score(classifier):
    task, model = classifier
    other = next(word for word in LANGUAGE.slots["filler"] if word not in TEXT)
    with torch.no_grad():
        table = model.base_model.embeddings.word_embeddings.weight
        places = {name: task.encoder.tokenizer.convert_tokens_to_ids(name) for name in (other, "[MASK]")}
        kept = table[places[other]].clone()
        table[places[other]] = table[places["[MASK]"]]
    text = f"{other} {TEXT}"
    for method in (integrated_gradients, gradient_times_input, occlusion):
        assert method(task, model, text).scores[0] == pytest.approx(0, abs=1e-5)
        assert abs(method(task, model, text).scores[2]) > 1e-4
    with torch.no_grad():
        table[places[other]] = kept


def test_occlusion_is_what_the_model_says_of_the_blanked_text(classifier):
    task, model = classifier
    found, words = occlusion(task, model, TEXT, label="good"), TEXT.split()
    blanked = " ".join(["[MASK]", *words[1:]])
    assert passage_of(task, TEXT).words == tuple(words)

    def log_odds(text):
        ids = torch.tensor([task.encoder.tokenizer(text)["input_ids"]])
        with torch.no_grad():
            bad, good = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].tolist()
        return good - bad

    assert found.scores[0] == pytest.approx(log_odds(TEXT) - log_odds(blanked), abs=1e-5)
    assert found.gap is None


def test_the_opposite_label_has_the_opposite_scores(classifier):
    good, bad = (integrated_gradients(*classifier, TEXT, label=label) for label in ("good", "bad"))
    assert good.scores == pytest.approx([-score for score in bad.scores], abs=1e-5)
    assert good.strongest == bad.strongest


def test_a_tagger_is_asked_about_a_word(tagger):
    found = integrated_gradients(*tagger, TEXT, word=1, steps=64)
    assert found.label in tagger[0].labels
    assert abs(found.gap) < 1e-3
    assert len(attention_received(*tagger, TEXT, word=1).scores) == len(TEXT.split())
    with pytest.raises(ConfigError):
        integrated_gradients(*tagger, TEXT)
    with pytest.raises(EvaluationError):
        occlusion(*tagger, TEXT, word=99)


@pytest.mark.parametrize("reading", ["mean", "last", "rollout"])
def test_attention_is_shared_out(classifier, reading):
    found = attention_received(*classifier, TEXT, reading=reading)
    assert min(found.scores) >= 0
    assert 0 < sum(found.scores) < 1


def test_uniform_attention_says_nothing(classifier):
    task, _ = classifier
    model = task.model(seed=2)
    for block in model.base_model.encoder["layer"]:
        torch.nn.init.zeros_(block.attention["self"].query.weight)
    scores = attention_received(task, model, TEXT).scores
    assert max(scores) == pytest.approx(min(scores), rel=1e-5)


def test_the_model_is_left_as_it_was(classifier):
    task, model = classifier
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    integrated_gradients(task, model, Text(text=TEXT, label="good"))
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not model.base_model.embeddings.word_embeddings._forward_hooks


@pytest.mark.parametrize(
    ("options", "error"),
    [({"steps": 0}, ConfigError), ({"baseline": "black"}, ConfigError), ({"label": "ugly"}, ConfigError)],
)
def test_what_cannot_be_answered_is_refused(classifier, options, error):
    with pytest.raises(error):
        integrated_gradients(*classifier, TEXT, **options)
    with pytest.raises(ConfigError):
        attention_received(*classifier, TEXT, reading="first")
    with pytest.raises(EvaluationError):
        integrated_gradients(*classifier, " ".join([TEXT] * 9))


def test_the_space_before_a_word_belongs_to_the_word(tmp_path):
    # RoBERTa's tokenizer leaves the space out of its offsets; ModernBERT's, for one, does not.
    encoder = companion.load_encoder(str(make_model_folder("bytelevel", tmp_path / "bytelevel")))
    passage = passage_of(companion.TextTask(("bad", "good"), encoder), "Angela Merkel visited Wolfsburg")
    pieces = encoder.tokenizer.convert_ids_to_tokens(list(passage.input_ids))
    spelled = ["".join(p for p, own in zip(pieces, passage.word_of_piece, strict=True) if own == w) for w in range(4)]
    assert [word.strip("Ġ") for word in spelled] == ["Angela", "Merkel", "visited", "Wolfsburg"]


def test_a_model_on_a_device_without_float64_is_explained(classifier):
    wanted = integrated_gradients(*classifier, TEXT, steps=2)
    with Apple():
        assert integrated_gradients(*classifier, TEXT, steps=2) == wanted
