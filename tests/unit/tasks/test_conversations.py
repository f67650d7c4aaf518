"""Conversations of several turns: which pieces are learned, what is refused, and how they are asked."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import companion
from companion.corpora.conversations import Pair, Turn
from companion.encoding.contract import IGNORE_INDEX
from companion.errors import DataError, ModelError
from companion.models.decoder import CHAT_TEMPLATE, CONTROL, MiniDecoder, mini_decoder
from companion.tasks.causal_lm import PLAIN_TEMPLATE, CausalLMTask
from companion.tasks.recall import AnswerMemory

SAID = ["my name is Ada", "Hello Ada.", "how long do beans take?", "Two days.", "and who am I?", "You are Ada."]
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HEADERS = (
    "{{ '<|begin|>' }}{% for message in messages %}{{ '<|header|>' + message['role'] + '<|/header|>\n\n' + "
    "message['content'] | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|header|>assistant<|/header|>\n\n' }}{% endif %}"
)
FORGETFUL = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if loop.last or message['role'] != 'assistant' %}{{ message['content'] }}"
    "{% else %}{{ message['content'].split('</think>')[-1] }}{% endif %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
PIECES = ["<|im_start|>", "<|im_end|>", "<|begin|>", "<|header|>", "<|/header|>", "<|eot|>"]
TEMPLATES = {
    "own": (CHAT_TEMPLATE, ("", "<|{role}|>", "<|end|>"), ""),
    "chatml": (CHATML, ("", "<|im_start|>{role}\n", "<|im_end|>\n"), "<|im_start|>system\nYou help.<|im_end|>\n"),
    "headers": (HEADERS, ("<|begin|>", "<|header|>{role}<|/header|>\n\n", "<|eot|>"), ""),
}


def talk(*said: str, system: str = "", unlearned: tuple[int, ...] = (), source: str = "t:1") -> Pair:
    """A conversation of these texts, of the user and the assistant in turn."""
    turns = [
        Turn(role=("user", "assistant")[number % 2], text=text, learn=number not in unlearned)
        for number, text in enumerate(said[:-2])
    ]
    first = [Turn(role="system", text=system)] if system else []
    return Pair(prompt=said[-2], answer=said[-1], before=(*first, *turns), source=source)


@pytest.fixture(scope="module")
def decoder() -> MiniDecoder:
    return mini_decoder(SAID, width=32, layers=1, heads=2, pieces=300, max_length=128)


def with_template(decoder: MiniDecoder, template: str, **options) -> CausalLMTask:
    """The task on a tokenizer that knows the control pieces of all templates."""
    tokenizer = copy.deepcopy(decoder.tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": [*CONTROL[2:], *PIECES]})
    return CausalLMTask(dataclasses.replace(decoder, tokenizer=tokenizer), template=template, **options)


def by_hand(task: CausalLMTask, pair: Pair, name: str, system: str = "") -> tuple[list[int], list[int]]:
    """Every turn written and cut into pieces alone; of a learned answer, what follows its opening is the label."""
    _, (start, opening, closing), usual = TEMPLATES[name]
    turns = list(pair.turns)
    if turns[0].role != "system" and system:
        turns.insert(0, Turn(role="system", text=system))
    parts = [(start, False), ("" if turns[0].role == "system" else usual, False)]
    for turn in turns:
        parts.append((opening.format(role=turn.role), False))
        parts.append((turn.text + closing, turn.role == "assistant" and turn.learn))
    ids, labels = [], []
    for text, learned in parts:
        pieces = task.encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += pieces
        labels += pieces if learned else [IGNORE_INDEX] * len(pieces)
    return ids, labels


@pytest.mark.parametrize("system", ["", "be brief"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_answer_is_learned_by_position_and_nothing_else(name: str, system: str, decoder: MiniDecoder):
    task = with_template(decoder, TEMPLATES[name][0], system=system)
    pairs = [
        talk(*SAID),
        talk(*SAID, system="Speak plainly"),
        talk(*SAID, unlearned=(1,)),
        talk(*SAID[:2]),
        talk(*SAID[:2], system="Speak plainly"),
    ]
    for pair, row in zip(pairs, task.encode(pairs), strict=True):
        ids, labels = by_hand(task, pair, name, system)
        assert (row.input_ids, row.labels) == (ids, labels)
        assert row.input_ids[: row.prompt] == task.prompt_row(pair), "asked as it was trained"
        messages = [{"role": turn.role, "content": turn.text} for turn in pair.turns[:-1]]
        assert task.prompt_row(messages) == task.prompt_row(pair)
        if system and pair.turns[0].role != "system":
            messages.insert(0, {"role": "system", "content": system})
        own = task.encoder.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert own == task.prompt_row(pair)
    everything = with_template(decoder, TEMPLATES[name][0], system=system, learn="everything")
    [whole, partly] = everything.encode([pairs[0], pairs[2]])
    assert whole.labels == whole.input_ids == partly.input_ids
    assert partly.labels != whole.labels, "what is not to be learned is not learned there either"


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_loss_is_cross_entropy_on_the_learned_places(name: str, decoder: MiniDecoder):
    task = with_template(decoder, TEMPLATES[name][0])
    batch = task.batches([talk(*SAID), talk(*SAID[:4], unlearned=(1,))], batch_size=2).collate("text", [0, 1])
    scores_BTV = torch.randn(*batch["labels"].shape, len(task.encoder.tokenizer), dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(
        scores_BTV[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum", ignore_index=IGNORE_INDEX
    )
    assert float(task.objective.from_logits(scores_BTV, batch["labels"])) == pytest.approx(float(expected), rel=1e-12)


WORDS = st.lists(
    st.sampled_from(["Ada", "beans", "two\ndays", "咖啡", "who?", '"I"', "<|x"]), min_size=1, max_size=5
).map(" ".join)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(WORDS, WORDS, st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["", "s y"]),
    st.booleans(),
)
def test_any_conversation_is_what_it_is_by_hand(decoder: MiniDecoder, exchanges, system, beside):
    said = [text for user, assistant, _ in exchanges for text in (user, assistant)]
    unlearned = tuple(2 * number + 1 for number, (*_, learn) in enumerate(exchanges) if not learn)
    pair = talk(*said, system=system, unlearned=unlearned)
    for name, (template, *_) in TEMPLATES.items():
        task = with_template(decoder, template, too_long="skip", max_length=128)
        for row in task.encode([pair, talk(*SAID)] if beside else [pair])[: -1 if beside else None]:
            assert (row.input_ids, row.labels) == by_hand(task, pair, name)
            assert row.input_ids[: row.prompt] == task.prompt_row(pair)


def test_plain_text_roles_work_where_an_answer_is_closed_by_a_control_piece(decoder: MiniDecoder):
    task = with_template(decoder, PLAIN_TEMPLATE)
    [row] = task.encode([talk(*SAID[:4])])
    tokenizer = task.encoder.tokenizer
    assert (
        tokenizer.decode([label for label in row.labels if label != IGNORE_INDEX])
        == " Hello Ada.<|end|> Two days.<|end|>"
    )


def test_a_tokenizer_that_marks_the_beginning_of_a_text_marks_no_later_turn(decoder: MiniDecoder):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    control = ["<unk>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=control, show_progress=False)
    backend.train_from_iterator([*SAID, "Question:", "Answer:", "\n###"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", eos_token="</s>", pad_token="</s>")
    task = CausalLMTask(dataclasses.replace(decoder, tokenizer=tokenizer), template=PLAIN_TEMPLATE)
    [row] = task.encode([talk(*SAID)])
    assert row.input_ids[: row.prompt] == task.prompt_row(talk(*SAID))
    assert sum(label == tokenizer.eos_token_id for label in row.labels) == 3
    behind = PLAIN_TEMPLATE.replace("eos_token }}", "eos_token + '\n' }}").replace("'Question", "'###")
    with pytest.raises(ModelError, match="text behind the piece that closes one"):
        CausalLMTask(task.encoder, template=behind).encode([talk(*SAID)])


def test_templates_that_rewrite_or_refuse_turns_name_pair_and_reason(decoder: MiniDecoder):
    forgetful = with_template(decoder, FORGETFUL)
    thought = talk("hi", "<think>so</think>Hello.", "who?", "Ada.", source="chats.jsonl:7")
    assert len(forgetful.encode([talk(*SAID)])) == 1
    with pytest.raises(ModelError, match=r"^chats.jsonl:7: .*earlier turns alike.*\(answer 1\)"):
        forgetful.encode([talk(*SAID), thought])
    closes_last = FORGETFUL.replace(
        "{{ '<|end|>' }}", "{% if loop.last or message['role'] == 'user' %}{{ '<|end|>' }}{% endif %}"
    )
    with pytest.raises(ModelError, match="close the last answer alone"):
        with_template(decoder, closes_last).encode([talk(*SAID)])
    refusing = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHAT_TEMPLATE
    )
    task = with_template(decoder, refusing)
    with pytest.raises(ModelError, match="^t:9: the chat template cannot be filled in: no system role"):
        task.encode([talk(*SAID), talk(*SAID, system="be brief", source="t:9")])
    with pytest.raises(ModelError, match="no system role"):
        task.prompt_row([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}])
    deaf = CHAT_TEMPLATE.replace("{{ '<|'", "{% if message['role'] != 'system' %}{{ '<|'").replace(
        "'<|end|>' }}", "'<|end|>' }}{% endif %}"
    )
    with pytest.raises(ModelError, match="t:9: the chat template leaves the system message out"):
        with_template(decoder, deaf).encode([talk(*SAID), talk(*SAID, system="be brief", source="t:9")])


@pytest.mark.parametrize("place", range(4))
def test_control_pieces_and_length_are_watched_in_every_turn(place: int, decoder: MiniDecoder):
    said = [text + " <|end|>" * (number == place) for number, text in enumerate(SAID[:4])]
    task = CausalLMTask(decoder)
    with pytest.raises(DataError, match="t:1: the text spells the control piece"):
        task.encode([talk(*said)])
    with pytest.raises(DataError, match="control piece"):
        task.encode([talk(*SAID, system="a <|end|>")])
    if place < 3:
        with pytest.raises(DataError, match="prompt 1: the text spells the control piece"):
            task.answer(task.model(), [talk(*said)])
    short = {"max_length": 24}
    with pytest.raises(DataError, match=r"t:1: 6 turns are \d+ pieces, the limit is 24"):
        CausalLMTask(decoder, **short).encode([talk(*SAID)])
    skipping = CausalLMTask(decoder, too_long="skip", **short)
    assert (len(skipping.encode([talk(*SAID), talk("hi", "Ada.")])), skipping.skipped) == (1, 1)


def test_an_earlier_turn_and_what_is_learned_of_it_change_the_identity_of_a_row(decoder: MiniDecoder):
    task = CausalLMTask(decoder)
    kinds = [talk(*SAID), talk("my name is Bob", *SAID[1:]), talk(*SAID, unlearned=(1,)), talk(*SAID, system="x")]
    assert len({task.batches([pair]).fingerprint() for pair in kinds}) == 4
    evaluators = [task.evaluator([pair]).source.fingerprint() for pair in kinds]
    assert len(set(evaluators)) == 4


def test_the_evaluator_counts_learned_answers_and_exact_is_the_last(decoder: MiniDecoder):
    task = CausalLMTask(decoder, learn="everything", too_long="skip")
    model = task.model(seed=1)
    pairs = [talk(*SAID), talk(*SAID, unlearned=(1, 3)), talk(*SAID[:2])]
    found = task.evaluator(pairs)(model)
    total = count = 0
    for pair in pairs:
        ids, labels = by_hand(task, pair, "own")
        with torch.inference_mode():
            scores_TV = model(torch.tensor([ids])).logits[0, :-1]
        total += float(torch.nn.functional.cross_entropy(scores_TV, torch.tensor(labels[1:]), reduction="sum"))
        count += sum(label != IGNORE_INDEX for label in labels)
    assert found["answer_loss"] == pytest.approx(total / count, rel=1e-5)
    long = talk("where " * 200, "Here.")
    evaluator = task.evaluator([long, *pairs])
    report = evaluator.report(model, bootstrap=0, most=4)
    assert report.answers == 3, "a prompt that does not fit was asked all the same, after all the training"


@pytest.fixture(scope="module")
def learned():
    """A model that has to look into the first turn for what is asked in the third, and its rows that it never saw."""
    names = ["Ada", "Bob", "Cleo", "Dan"]
    pairs = [
        talk(f"I am {name}, {number}", f"Good {day}.", "who am I?", name)
        for number in range(12)
        for day in ("day", "night")
        for name in names
    ]
    held = [pair for number, pair in enumerate(pairs) if number // 4 % 6 == 5]
    rest = [pair for pair in pairs if pair not in held]
    texts = [turn.text for pair in rest for turn in pair.turns]
    task = CausalLMTask(mini_decoder(texts, width=32, layers=2, heads=2, pieces=300, max_length=64))
    run = companion.train(
        task.model(),
        task.batches(rest, batch_size=20),
        task.objective,
        companion.TrainConfig(epochs=40, learning_rate=1e-2, precision="fp32", device="cpu", progress=False),
        say=lambda line: None,
    )
    return task, run, held


def test_the_answer_is_found_in_an_earlier_turn(learned):
    task, run, held = learned
    report = task.evaluator(held).report(run.model, bootstrap=0)
    assert report.exact.mean > 0.75, "one of four names is chance"
    assert report.exact.mean == pytest.approx(task.evaluator(held)(run.model)["exact"])


def test_an_exported_model_answers_conversations_as_transformers_does(learned, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    task, run, held = learned
    folder = run.export(tmp_path / "talker")
    opened = companion.load(folder)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    asked = [[{"role": turn.role, "content": turn.text} for turn in pair.turns[:-1]] for pair in held[:6]]
    own = [answer.text for answer in task.answer(run.model, held[:6])]
    assert [answer.text for answer in opened.predict_many(asked)] == own
    assert [opened.predict(messages).text for messages in asked] == own
    for messages, text in zip(asked, own, strict=True):
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = model.generate(**inputs, do_sample=False, max_new_tokens=20)
        assert tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True) == text
    with pytest.raises(DataError, match="one string"):
        opened.predict_many("hi")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "the last turn is the assistant's"),
        ([{"role": "assistant", "content": "b"}, {"role": "user", "content": "a"}], "turn 1 is the assistant's"),
        ([{"role": "system", "content": "b"}], "the last turn is the system's"),
        ([{"role": "user", "content": [{"type": "image"}]}], "turn 1: its content is a list of parts"),
        ([], "which is no conversation"),
        ({"role": "user", "content": "a"}, "prompt 2 is {'role'"),
        (3, "prompt 2 is 3"),
    ],
)
def test_a_conversation_that_cannot_be_answered_is_named(prompt, message: str, decoder: MiniDecoder):
    task = CausalLMTask(decoder)
    with pytest.raises(DataError) as caught:
        task.answer(task.model(), ["hi", prompt])
    assert message in str(caught.value) and str(caught.value).startswith("prompt 2")


def test_a_memory_refuses_what_it_would_forget():
    with pytest.raises(DataError, match="t:1: the prompt ends a conversation of 6 turns, and a memory"):
        AnswerMemory(len, [talk(*SAID)])
