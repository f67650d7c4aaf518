"""Conversations are read as the field writes them; what cannot be read is named, what is left out is counted."""

import json

import pytest

from companion.corpora.conversations import Pair, Turn, lone_prompt
from companion.corpora.pairs import PairCorpus
from companion.errors import DataError

from .conftest import Writer

SAID = [
    ("system", "Be brief."),
    ("user", "I am Ada."),
    ("assistant", "Hello."),
    ("user", "Who?"),
    ("assistant", "Ada."),
]


def openai(said, **more):
    return {"messages": [{"role": role, "content": text} for role, text in said], **more}


def sharegpt(said, **more):
    roles = {"user": "human", "assistant": "gpt", "system": "system"}
    return {"conversations": [{"from": roles[role], "value": text} for role, text in said], **more}


def read(row, **named):
    return PairCorpus.from_rows([row], split=False, **named)


@pytest.mark.parametrize("form", [openai, sharegpt])
def test_a_conversation_is_read_as_it_is(form, write: Writer) -> None:
    row = form(SAID, topic="names")
    [filed] = PairCorpus.from_jsonl(write(json.dumps(row) + "\n"), split=False).train
    [listed] = PairCorpus.from_jsonl(write(json.dumps([row])), split=False).train
    pandas = pytest.importorskip("pandas")
    [framed] = read_frame(pandas, row)
    for pair in (filed, listed, framed, *read(row).train):
        assert (pair.prompt, pair.answer, pair.meta) == ("Who?", "Ada.", {"topic": "names"})
        assert [(turn.role, turn.text) for turn in pair.turns] == SAID
        assert all(turn.learn for turn in pair.turns)
    [key] = row.keys() - {"topic"}
    assert read({"chat": row[key]}, messages="chat").train[0].turns == filed.turns
    assert read({**row, "prompt": "I am Ada."}).train[0].turns == filed.turns, "as in UltraChat, with its first prompt"


def read_frame(pandas, row):
    import numpy

    # What pandas makes of a Parquet file: an array of dictionaries.
    [key] = row.keys() - {"topic"}
    frame = pandas.DataFrame({**{name: [value] for name, value in row.items() if name != key}, key: [None]})
    frame.at[0, key] = numpy.array(row[key], dtype=object)
    return PairCorpus.from_rows(frame, split=False).train


def test_rows_of_datasets_are_read() -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list([openai(SAID), openai(SAID[1:3])])
    first, second = PairCorpus.from_rows(list(rows), split=False).train
    assert [(turn.role, turn.text) for turn in first.turns] == SAID and second.before == ()


def test_weight_zero_is_read_and_not_learned() -> None:
    row = openai(SAID)
    row["messages"][2]["weight"] = 0
    row["messages"][4]["weight"] = 1
    assert [turn.learn for turn in read(row).train[0].before] == [True, True, False, True][:3]
    row["messages"][2]["weight"], row["messages"][4]["weight"] = None, 0
    corpus = read(row)
    assert (corpus.train[0].prompt, corpus.train[0].answer) == ("I am Ada.", "Hello.")
    assert corpus.notes == ("turns after the last answer that is learned, left out: 2 (first: rows/train#1)",)


def test_what_is_left_out_is_counted() -> None:
    said = [("assistant", "Welcome!"), *SAID[1:], ("user", "Thanks.")]
    corpus = PairCorpus.from_rows(
        [sharegpt(said, system="Be brief.", tools="[{}]"), openai(SAID, tools=[])], split=False
    )
    assert corpus.train[0].turns == corpus.train[1].turns and "system" not in corpus.train[0].meta
    assert [note.split(" (first")[0] for note in corpus.notes] == [
        "tools that an assistant was offered, not read: 1",
        "turns of the assistant before the user's first, left out: 1",
        "turns after the last answer that is learned, left out: 1",
    ]
    assert "note: turns after" in corpus.describe()


USER, ASSISTANT = SAID[1], SAID[2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (openai([USER, USER, ASSISTANT]), "'messages': turn 2 is the user's, and the assistant's is due"),
        (openai([ASSISTANT, USER, USER, ASSISTANT]), "turn 3 is the user's"),
        (openai([USER, ASSISTANT, ASSISTANT]), "turn 3 is the assistant's, and the user's is due"),
        (openai([USER, ("system", "x"), ASSISTANT]), "turn 2 is the system's"),
        (openai(SAID, system="another"), "turn 1 is the system's, and the user's is due"),
        (openai([USER]), "(user) without an answer"),
        (openai([ASSISTANT]), "(assistant) without an answer"),
        (openai([USER, ("assistant", " ")]), "turn 2: a turn of the assistant is ' '"),
        (openai([USER, ("narrator", "x")]), "turn 2: the role is 'narrator'"),
        (openai([USER, ("tool", "{}"), ASSISTANT]), "turn 2: there is 'tool'"),
        (openai([USER, ("assistant", None)]), "turn 2: a turn of the assistant is None"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}]}, "there is 'tool_calls'"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "content is a list of parts"),
        ({"messages": [{"role": "user", "content": "a", "weight": 0.5}]}, "turn 1: its weight is 0.5"),
        ({"messages": ["hi"]}, "turn 1: there is a str"),
        ({"messages": []}, "which is no conversation"),
        ({"messages": "hi"}, "needed are 'prompt' and 'answer'; there is 'messages'"),
        ({**openai(SAID), **sharegpt(SAID)}, "the row holds 'messages' and 'conversations'"),
        (openai(SAID, prompt="a", answer="b"), "the row holds 'messages' and a pair"),
    ],
)
def test_what_is_no_conversation_is_named_with_file_and_line(row, message: str, write: Writer) -> None:
    path = write(json.dumps({"prompt": "a", "answer": "b"}) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(DataError) as caught:
        PairCorpus.from_jsonl(path)
    assert message in caught.value.problem and caught.value.remedy
    assert str(caught.value).startswith(f"{path}:2: ")


def test_keys_that_are_not_there_are_named() -> None:
    with pytest.raises(DataError, match="needed is 'chat'; there is 'messages'"):
        read(openai(SAID), messages="chat")
    with pytest.raises(DataError, match="name the key of a conversation with messages='chat'"):
        read({"chat": openai(SAID)["messages"], "answer": "b"}, prompt="chat")
    assert read({"prompt": "a", "answer": "b", "cited": openai(SAID)["messages"]}).train[0].before == ()
    assert read(openai(SAID, prompt="a", answer="b"), messages="messages").train[0].answer == "Ada."


def test_turns_made_by_hand_are_checked() -> None:
    before = [Turn(role="user", text="a"), Turn(role="assistant", text="b")]
    assert Pair(prompt="c", answer="d", before=before).before == tuple(before)  # type: ignore[arg-type]
    assert hash(Pair(prompt="c", answer="d", before=before)) != hash(Pair(prompt="c", answer="d"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not a Turn in every place"):
        Pair(prompt="c", answer="d", before=({"role": "user"},))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="x:3: turn 2 is the user's"):
        Pair(prompt="c", answer="d", before=before[:1], source="x:3")  # type: ignore[arg-type]
    for wrong in ({"role": "human", "text": "a"}, {"role": "user", "text": " "}):
        with pytest.raises(DataError):
            Turn(**wrong)
    with pytest.raises(DataError, match="ends a conversation of 4 turns, and a probe reads"):
        lone_prompt(Pair(prompt="c", answer="d", before=tuple(before)), "a probe")


def test_conversations_that_begin_the_same_fall_into_one_split_and_leaks_are_told() -> None:
    rows = [
        openai([("system", "s"), ("user", f"q {number}"), ("assistant", "a"), ("user", f"{more}"), ("assistant", "b")])
        for number in range(40)
        for more in range(3)
    ] + [openai([("system", "s"), ("user", f"q {number}"), ("assistant", "a")]) for number in range(40)]
    corpus = PairCorpus.from_rows(rows)
    begun = [{pair.opening for pair in part} for part in corpus.splits.values()]
    assert len(begun) == 3 and sum(map(len, begun)) == len(set.union(*begun)) == 40
    assert "by a hash of each conversation's beginning" in corpus.notes[0] and "warning" not in corpus.describe()
    leaking = PairCorpus(name="own", train=corpus.train, dev=[*corpus.dev, corpus.train[0]])
    assert "warning: 1 conversations of dev begin as one of train" in leaking.describe()
    assert (
        f"{'turns':>6}" in leaking.describe() and "   5.0" in PairCorpus(name="own", train=[corpus.train[0]]).describe()
    )
    other = PairCorpus.from_rows([openai([("system", "t"), *SAID[1:]]), openai(SAID)], split=False).train
    assert other[0].opening != other[1].opening


def test_a_lone_prompt_stays_where_it_was_before_there_were_conversations() -> None:
    corpus = PairCorpus.from_rows([(f"q {number}", "a") for number in range(60)])
    assert "by a hash of each prompt (seed 0)" in corpus.notes[0] and corpus.train[0].opening == corpus.train[0].prompt
    assert "turns" not in corpus.describe()
