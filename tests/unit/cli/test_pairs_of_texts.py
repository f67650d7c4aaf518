"""The commands on pairs of texts, as a user types them."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import PLACES, make_model_folder

COLUMNS = ("--columns", "text=premise,text_pair=hypothesis,label=gold")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts and whether they name the same place."""
    path = tmp_path_factory.mktemp("files") / "nli.csv"
    rows = [(f"left {a}", f"visited {b}", "yes" if a == b else "no") for a, b in product(PLACES[:4], repeat=2)]
    path.write_text("premise,hypothesis,gold\n" + "".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that `companion train` wrote."""
    folder = tmp_path_factory.mktemp("run")
    tiny = make_model_folder("wordpiece", folder / "tiny")
    data = [word for split in ("train", "dev", "test") for word in (f"--{split}", str(table))]
    small = ["--model", str(tiny), "--epochs", "2", "--batch-size", "8", "--precision", "fp32", "--device", "cpu"]
    assert main(["train", *data, *small, *COLUMNS, "--out", str(folder / "mine")]) == 0
    return folder / "mine"


def test_a_run_says_how_it_is_asked_and_remembers_its_columns(trained: Path, capsys) -> None:
    story = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert story["task"]["pairs"] is True and COLUMNS[1] in story["command"]
    assert main(["evaluate", str(trained), "--errors", "1"]) == 0
    said = capsys.readouterr().out
    assert "accuracy" in said and "left Wolfsburg | visited" in said


@pytest.mark.parametrize("given", ["arguments", "file"])
def test_predict_takes_pairs_as_arguments_and_as_lines_of_json(trained: Path, tmp_path: Path, capsys, given) -> None:
    pairs, lines = [("left Wolfsburg", "visited Wolfsburg"), ("left", "visited 北京")], tmp_path / "asked.jsonl"
    asked = [{"text": a, "text_pair": b} for a, b in pairs]
    lines.write_text("\n".join(json.dumps(row) for row in asked) + "\n\n", encoding="utf-8")
    words = [*(a for a, _ in pairs), *(word for _, b in pairs for word in ("--text-pair", b))]
    more = words if given == "arguments" else ["--file", str(lines)]
    capsys.readouterr()
    assert main(["predict", str(trained), *more, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [{name: row[name] for name in ("text", "text_pair")} for row in found[:2]] == asked
    assert all(row["label"] in {"yes", "no"} for row in found[:2])
    assert found[2:] == ([] if given == "arguments" else [{"text": "", "label": None}])
    assert main(["predict", str(trained), *more]) == 0
    told = capsys.readouterr()
    assert "left Wolfsburg\nvisited Wolfsburg\n  " in told.out and "each line is one text" not in told.err


def test_one_text_is_refused_where_two_are_asked_for(trained: Path, tmp_path: Path, capsys) -> None:
    lines = tmp_path / "asked.txt"
    lines.write_text('{"text": "left", "text_pair": "visited"}\nleft\n', encoding="utf-8")
    refusals = {
        ("left",): "there are 1 texts and 0 of --text-pair",
        ("left", "left", "--text-pair", "visited"): "there are 2 texts and 1 of --text-pair",
        ("--text-pair", "visited"): "there are 0 texts and 1 of --text-pair",
        ("--file", str(lines)): "asked.txt:2: the line is no pair of texts",
    }
    for words, message in refusals.items():
        assert main(["predict", str(trained), *words]) != 0
        assert message in capsys.readouterr().err


def test_a_second_text_is_refused_by_a_model_of_one(tmp_path: Path, capsys) -> None:
    from companion.models.encoder import load_encoder
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

    encoder = load_encoder(str(make_model_folder("wordpiece", tmp_path / "encoder")))
    for task in (TextTask(("yes", "no"), encoder), TokenTask(("O", "B-PER", "I-PER"), encoder)):
        folder = task.export(task.model(), tmp_path / task.name)
        assert main(["predict", str(folder), "left", "--text-pair", "visited"]) != 0
        assert "--text-pair is given, and the model reads one text" in capsys.readouterr().err


def test_evaluate_and_doctor_take_a_file_of_pairs_and_refuse_one_of_texts(
    trained: Path, table: Path, tmp_path: Path, capsys
) -> None:
    assert main(["evaluate", str(trained), "--data", str(table), *COLUMNS]) == 0
    assert main(["doctor", str(trained), "--data", str(table), "--test", str(table), *COLUMNS]) in {0, 1}
    said = capsys.readouterr().out
    # One premise has both labels, and no pair has.
    assert "carry different labels" not in said and "stand in train word for word" in said
    single = tmp_path / "single.csv"
    single.write_text("text,label\nleft,yes\nvisited,no\n", encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(single)]) != 0
    told = capsys.readouterr().err
    assert "single.csv:2 is one text, and the model reads pairs" in told and "--columns text=…,text_pair=…" in told


def test_a_name_that_columns_do_not_have_is_answered_with_the_name_of_the_second_text(table: Path, capsys) -> None:
    for columns in ("text=premise,pair=hypothesis,label=gold", "premise=text,hypothesis=text_pair,gold=label"):
        assert main(["train", "--train", str(table), "--columns", columns, "--out", str(table.parent / "run")]) != 0
        assert "text=…,label=…, of pairs also text_pair=…, only what differs" in capsys.readouterr().err


def test_an_exported_graph_answers_as_its_model(trained: Path, tmp_path: Path, capsys) -> None:
    for precision in ("fp32", "int8"):
        folder = tmp_path / precision
        more = ["--precision", precision, "--min-agreement", "0.9", "--max-f1-drop", "0.2"]
        assert main(["export", str(trained), str(folder), "--onnx", *more]) == 0
    assert main(["export", str(trained), str(tmp_path / "plain")]) == 0
    capsys.readouterr()
    answers = []
    for name in ("plain", "fp32"):
        assert main(["predict", str(tmp_path / name), "left Wolfsburg", "--text-pair", "visited 北京", "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0]["label"] == answers[1]["label"]
    assert answers[0]["score"] == pytest.approx(answers[1]["score"], abs=1e-4)


def test_a_search_says_how_its_model_is_asked(table: Path, tmp_path: Path, capsys) -> None:
    tiny, run = make_model_folder("wordpiece", tmp_path / "tiny"), tmp_path / "run"
    small = ["--model", str(tiny), "--trials", "2", "--precision", "fp32", "--device", "cpu"]
    assert main(["tune", "--train", str(table), "--dev", str(table), *small, *COLUMNS, "--out", str(run)]) == 0
    assert f'companion predict {run} "Your text." --text-pair "Its second one."' in capsys.readouterr().out
