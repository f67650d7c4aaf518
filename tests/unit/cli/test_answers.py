"""`companion train --task answers` on a user's own pairs, and what it refuses."""

import json

import pytest

from companion.cli import main

ROWS = [("where is it", "On its way."), ("how long", "Two days."), ("does it grind", "No."), ("can I pause", "Yes.")]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in ROWS), "utf-8")
    return path


def command(pairs, out, *more):
    files = ["--train", str(pairs), "--dev", str(pairs), "--test", str(pairs), "--columns", "prompt=question"]
    small = ["--batch-size", "4", "--max-updates", "2", "--precision", "fp32", "--device", "cpu", "--out", str(out)]
    return main(["train", "--task", "answers", *files, *small, *more])


def test_pairs_are_trained_scored_and_asked_again(pairs, tmp_path, capsys):
    out = tmp_path / "run"
    assert command(pairs, out, "--max-length", "64", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "answers.json").read_text("utf-8"))
    assert told["pairs"] == {"train": 4, "dev": 4, "test": 4}
    assert (told["steps"], told["left_out"], told["test"]["answers"]) == (2, 0, 4)
    assert 0 < told["dev_answer_loss"] < 10
    assert main(["predict", str(out), "where is it", "", "--json"]) == 0
    first, empty = map(json.loads, capsys.readouterr().out.splitlines())
    assert {"text", "answer", "finished", "pieces", "confidence"} == first.keys()
    assert empty == {"text": "", "answer": None}
    assert main(["predict", str(out), "where is it"]) == 0
    assert "where is it\n  " in capsys.readouterr().out
    assert main(["export", str(out), str(tmp_path / "copy")]) == 0
    assert "text-generation" in capsys.readouterr().out
    again = ["--model", str(tmp_path / "copy"), "--method", "lora:2", "--learning-rate", "1e-2"]
    assert command(pairs, tmp_path / "adapted", *again) == 0
    assert main(["evaluate", str(out), "--data", str(pairs)]) == 1
    assert "has no labels to count" in capsys.readouterr().err
    assert main(["serve", str(out)]) == 1
    assert "can bound neither length nor time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--columns", "text=question"], "--columns names text"),
        (["--kind", "multi"], "no use for --kind"),
        (["--repair"], "no use for --repair"),
        (["--scheme", "IOB2"], "no use for --scheme"),
        (["--corpus", "newsroom"], "no use for --corpus"),
        (["--recipe", "hybrid"], "no use for --recipe"),
        (["--columns", "prompt=text"], "needed are 'text' and 'answer'; there is 'question', 'answer'"),
        (["--dev", "pairs.csv"], "is no JSONL file"),
        (["--max-length", "3"], "max_length is 3"),
    ],
)
def test_what_does_not_fit_is_named(pairs, tmp_path, capsys, more, message):
    assert command(pairs, tmp_path / "run", *more) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "answers.json").exists()


def test_pairs_have_to_be_named(tmp_path, capsys):
    assert main(["train", "--task", "answers", "--out", str(tmp_path / "run")]) == 1
    assert "the pairs are not named" in capsys.readouterr().err


def test_conversations_are_trained_and_asked_by_line(tmp_path, capsys):
    def said(*texts):
        return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]

    path, out = tmp_path / "chats.jsonl", tmp_path / "run"
    chats = [said("I am Ada", "Hello.", question, answer) for question, answer in ROWS]
    path.write_text("".join(json.dumps({"chat": chat}) + "\n" for chat in chats), "utf-8")
    assert command(path, out, "--max-length", "64", "--columns", "messages=chat", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"]["train"], told["left_out"], told["test"]["answers"]) == (4, 0, 4)
    asked = tmp_path / "asked.jsonl"
    lines = [json.dumps({"messages": chats[0][:3]}), "where is it", "", json.dumps({"conversations": chats[1][:1]})]
    asked.write_text("\n".join([*lines, '{"x": 1}']), "utf-8")
    assert main(["predict", str(out), "--file", str(asked), "--json"]) == 0
    printed, warned = capsys.readouterr()
    first, plain, empty, other, braces = map(json.loads, printed.splitlines())
    assert first["messages"] == chats[0][:3] and isinstance(first["answer"], str) and "messages" in other
    assert (plain["text"], empty["text"], braces["text"]) == ("where is it", "", '{"x": 1}') and not warned
    assert main(["predict", str(out), "--file", str(asked)]) == 0
    assert "user: I am Ada\nassistant: Hello.\nuser: where is it\n  " in capsys.readouterr().out
    asked.write_text("hi\n" + json.dumps({"messages": chats[0]}), "utf-8")
    assert main(["predict", str(out), "--file", str(asked)]) == 1
    assert "asked.jsonl:2: the prompt: the last turn is the assistant's" in capsys.readouterr().err
