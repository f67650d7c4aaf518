"""The commands on text classifiers as a user types them: train on own files, evaluate, predict, export, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from companion.models.encoder import load_encoder
from companion.tasks.texts import TextTask
from tests.tokenizers import make_model_folder

NAMES = ("Müller", "Zwingmann", "Angela Merkel", "O'Brien", "S. Gomez")
PLACES = ("Wolfsburg", "New York City", "São Paulo")
ROWS = [
    (f"{name} {verb} {place}", label, number)
    for number, (verb, label) in enumerate((("visited", "here"), ("left", "there")))
    for name in NAMES
    for place in PLACES
]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported classifier that reads at most eight word pieces."""
    folder = tmp_path_factory.mktemp("classifier")
    encoder = load_encoder(str(make_model_folder("wordpiece", folder / "encoder")))
    task = TextTask(("here", "there"), encoder, max_length=8)
    return task.export(task.model(), folder / "model")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Labelled texts in several forms, and a tiny model folder."""
    folder = tmp_path_factory.mktemp("files")
    sheets = {
        "my.csv": [("where", "said"), *((label, text) for text, label, _ in ROWS)],
        "numbers.csv": [("label", "text"), *((str(number), text) for text, _, number in ROWS)],
        "several.csv": [("label", "text"), *((f"{label}|{text.split()[0]}", text) for text, label, _ in ROWS)],
        "one.csv": [("label", "text"), *(("here", text) for text, _, _ in ROWS)],
        "typo.csv": [("where", "said"), ("hree", "Müller visited Wolfsburg")],
        "hole.csv": [("where", "said"), ("here", "Müller visited Wolfsburg"), ("there", " ")],
    }
    for name, rows in sheets.items():
        (folder / name).write_text("".join(f'{label},"{text}"\n' for label, text in rows), encoding="utf-8")
    lines = (json.dumps({"text": text, "label": label}) for text, label, _ in ROWS)
    (folder / "my.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    make_model_folder("wordpiece", folder / "tiny")
    return {path.name: path for path in folder.iterdir()}


def command(files: dict[str, Path], name: str, out: Path, *more: str) -> list[str]:
    data = [word for split in ("train", "dev", "test") for word in (f"--{split}", str(files[name]))]
    small = ["--model", str(files["tiny"]), "--epochs", "2", "--batch-size", "8", "--precision", "fp32"]
    return ["train", *data, *small, "--device", "cpu", "--out", str(out), *more]


COLUMNS = ("--columns", "text=said,label=where")


@pytest.fixture(scope="module")
def trained(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that `companion train` wrote."""
    out = tmp_path_factory.mktemp("runs") / "mine"
    assert main(command(files, "my.csv", out, *COLUMNS, "--learning-rate", "0.01", "--epochs", "6")) == 0
    return out


def test_train_leaves_a_classifier_and_its_story(trained: Path) -> None:
    story = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert story["task_name"] == "texts"
    assert story["task"] == {"kind": "single", "pooling": "mean", "max_length": 128, "pairs": False}
    assert story["labels"] == ["here", "there"]
    assert story["dev"]["macro_f1"] == story["results"]["dev"]["scores"]["macro_f1"]["value"] > 0.9
    assert story["data"]["rows"] == {"train": 30, "dev": 30, "test": 30}
    assert story["data"]["examples"] == {"here": 15, "there": 15}
    assert story["command"].endswith(
        "--train my.csv --dev my.csv --test my.csv --columns text=said,label=where --model tiny --epochs 6 "
        "--learning-rate 0.01 --precision fp32 --device cpu --batch-size 8 --out mine"
    )


def test_the_measured_test_goes_into_run_and_card(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "model" / "README.md").read_text(encoding="utf-8")
    assert "Test has not been measured." in before
    assert main(["evaluate", str(trained), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["accuracy_low"] <= report["accuracy"] <= report["accuracy_high"]
    assert report["per_class"]["here"]["support"] == 15
    story = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert story["results"]["test"]["scores"]["accuracy"]["value"] == report["accuracy"]
    card = (trained / "model" / "README.md").read_text(encoding="utf-8")
    assert f"| test | 30 | {report['accuracy']:.3f} [" in card
    assert "Test has not been measured." not in card
    # Another file is no result of the run.
    assert main(["evaluate", str(trained), "--data", story["origin"]["train"], *COLUMNS]) == 0
    assert (trained / "model" / "README.md").read_text(encoding="utf-8") == card
    assert "macro F1" in capsys.readouterr().out


def test_a_new_file_is_read_with_the_columns_of_the_run(trained: Path, files: dict[str, Path], capsys) -> None:
    new = str(files["my.csv"])
    for command in (["evaluate", str(trained), "--data", new], ["compare", str(trained), str(trained), "--data", new]):
        assert main(command) == 0
        assert capsys.readouterr().err.count("my.csv is read with the columns of the run: text=said,label=where") == 1
    assert main(["doctor", str(trained), "--data", new, "--test", new]) == 1  # its test stands in train
    told = capsys.readouterr()
    assert "test rows in train" in told.out and "my.csv is read with the columns of the run" in told.err
    other = ["evaluate", str(trained), "--data", new, "--columns", "text=where,label=said"]
    assert main(other) == 1
    assert "does not know the label" in capsys.readouterr().err


def test_the_same_command_again_keeps_what_was_measured(trained: Path, files: dict[str, Path]) -> None:
    assert main(["evaluate", str(trained)]) == 0
    weights, card = ((trained / "model" / name).read_bytes() for name in ("model.safetensors", "README.md"))
    assert main(command(files, "my.csv", trained, *COLUMNS, "--learning-rate", "0.01", "--epochs", "6")) == 0
    assert (trained / "model" / "model.safetensors").read_bytes() == weights
    assert (trained / "model" / "README.md").read_bytes() == card


def test_rows_that_changed_are_no_result_of_the_run(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.csv"
    own.write_text(files["my.csv"].read_text(encoding="utf-8"), encoding="utf-8")
    arguments = command(files, "my.csv", tmp_path / "run", *COLUMNS, "--max-updates", "1")
    arguments[arguments.index("--test") + 1] = str(own)
    assert main(arguments) == 0
    own.write_text(own.read_text(encoding="utf-8") + "here,Müller visited Oslo\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    told = capsys.readouterr()
    assert "31 texts" in told.out
    assert "The test rows have changed since the run was trained" in told.err
    assert "Test has not been measured." in (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")

    # Where the folder cannot be written, the report is printed all the same.
    def fail(*given: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr("companion.cli.evaluate.add_result", fail)
    assert main(["evaluate", str(tmp_path / "run"), "--split", "dev"]) == 0
    told = capsys.readouterr()
    assert "30 texts" in told.out
    assert "cannot be put down in the run folder: read-only file system" in told.err


def test_errors_are_shown_by_confusion(trained: Path, files: dict[str, Path], capsys) -> None:
    turned = files["my.csv"].with_name("turned.csv")
    other = {"here": "there", "there": "here"}
    lines = (f'{other[label]},"{text}"' for text, label, _ in ROWS)
    turned.write_text("\n".join(["where,said", *lines]), encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(turned), *COLUMNS, "--errors", "2"]) == 0
    shown = capsys.readouterr().out.split("\nthere → here (")[1]
    assert len([line for line in shown.split("\n\n")[0].splitlines() if line.startswith("  ")]) == 2


@pytest.mark.parametrize(
    ("name", "more", "metric", "labels"),
    [
        ("numbers.csv", ("--kind", "regression"), "mean_squared_error", ["number"]),
        ("several.csv", ("--kind", "multi"), "macro_f1", None),
        ("my.jsonl", ("--pooling", "cls"), "macro_f1", ["here", "there"]),
        ("my.jsonl", ("--method", "head"), "macro_f1", ["here", "there"]),
    ],
)
def test_other_kinds_go_the_same_way(
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    more: tuple[str, ...],
    metric: str,
    labels: list[str] | None,
) -> None:
    out = tmp_path / "run"
    assert main(command(files, name, out, *more, "--json")) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document[f"dev_{metric}"] is not None
    assert f"dev {metric.replace('_', ' ').replace('f1', 'F1')}" in told.err
    story = json.loads((out / "run.json").read_text(encoding="utf-8"))
    if labels is not None:
        assert story["labels"] == labels
    else:
        assert {"here", "there", "Müller"} <= set(story["labels"])
        assert "here|" not in told.err
    assert main(["evaluate", str(out)]) == 0
    assert main(["predict", str(out), "Müller left Wolfsburg"]) == 0
    assert main(["export", str(out), str(tmp_path / "copy")]) == 0
    said = capsys.readouterr().out
    assert ('pipeline("text-classification"' in said) == ("cls" in more)
    assert '"copy"' in (tmp_path / "copy" / "README.md").read_text(encoding="utf-8")
    if "regression" in more:
        assert "mean squared error" in said
        assert "(" not in said.split("Müller left Wolfsburg")[1].splitlines()[1]


def test_a_label_that_train_does_not_have_is_said(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(files, "my.csv", tmp_path / "run", *COLUMNS)
    arguments[arguments.index("--dev") + 1] = str(files["typo.csv"])
    assert main(arguments) == 0
    assert "warning: hree never occurs in train, so it cannot be learned" in capsys.readouterr().err


def test_a_cut_text_is_said_in_a_sentence(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(files, "my.jsonl", tmp_path / "run", "--max-length", "5")) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "were cut" in line]
    assert lines
    assert all(line.startswith("warning: ") and ".py" not in line for line in lines)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("one.csv", (), "every text has the same label, 'here'"),
        ("my.csv", ("--columns", "text=said,label=wehre"), "no column 'wehre'; there is 'where', 'said'"),
        ("hole.csv", COLUMNS, "hole.csv:3: the said is ' '"),
        ("my.jsonl", ("--kind", "regression"), "the label 'here' is no number"),
        ("my.jsonl", ("--kind", "some"), "kind is 'some'"),
        ("my.jsonl", ("--pooling", "max"), "pooling is 'max'"),
        ("my.jsonl", ("--max-length", "900"), "max_length is 900"),
    ],
)
def test_wrong_data_is_explained(
    files: dict[str, Path], tmp_path: Path, capsys, name: str, more: tuple[str, ...], message: str
) -> None:
    assert main(command(files, name, tmp_path / "run", *more)) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert "→" in told.splitlines()[-1]
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_tagger_has_no_kind(files: dict[str, Path], tmp_path: Path, capsys) -> None:
    (tmp_path / "my.conll").write_text("Müller B-PER\nleft O\n", encoding="utf-8")
    arguments = ["train", "--train", str(tmp_path / "my.conll"), "--model", str(files["tiny"]), "--kind", "multi"]
    assert main([*arguments, "--dev", str(tmp_path / "my.conll"), "--out", str(tmp_path / "run")]) == 1
    assert "a corpus of tagged words has no use for kind" in capsys.readouterr().err


def test_each_line_gets_its_label_and_an_empty_one_none(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["Müller left Wolfsburg", "", "Angela Merkel has never seen New York City"]
    assert main(["predict", str(classifier), "--json", *texts]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert lines[1] == {"text": "", "label": None}
    for line, cut in ((lines[0], False), (lines[2], True)):
        assert line["label"] in {"here", "there"} and line["cut"] is cut
        assert line["score"] == max(line["probabilities"]) and sum(line["probabilities"]) == pytest.approx(1.0)
    assert main(["predict", str(classifier), *texts]) == 0
    shown = capsys.readouterr().out.split("\n\n")
    assert f"  {lines[0]['label']} ({lines[0]['score']:.2f})" in shown[0] and shown[2].endswith(", cut")


def test_export_says_how_to_open_it(classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(classifier), str(tmp_path / "copy")]) == 0
    assert "companion.load" in capsys.readouterr().out
    assert main(["predict", str(tmp_path / "copy"), "Müller left"]) == 0


def test_evaluate_names_what_it_is_for(
    classifier: Path, trained: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(classifier), "--corpus", "newsroom"]) == 1
    assert "is for labelled texts, and these are tagged words" in capsys.readouterr().err
    assert main(["evaluate", str(classifier)]) == 1
    assert "there is nothing to evaluate on" in capsys.readouterr().err
    assert main(["evaluate", str(trained), "--lenient"]) == 1
    assert "--lenient is about entities" in capsys.readouterr().err
    assert main(["evaluate", str(trained), "--data", str(files["typo.csv"]), *COLUMNS]) == 1
    assert "typo.csv:2: the model does not know the label hree; it knows here, there" in capsys.readouterr().err
