"""The commands as a user types them: train on own files, evaluate, predict, export, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder

CONLL = "\n\n".join(
    f"{name}\tB-PER\nvisited\tO\n{place}\tB-LOC\n.\tO"
    for name in ("Zwingmann", "Müller", "Merkel", "O'Brien")
    for place in ("Wolfsburg", "Berlin", "Lima", "Oslo", "Rome")
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A labelled file in three formats, and a tiny model folder."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "my.conll").write_text(CONLL + "\n", encoding="utf-8")
    rows = ["id,token,label"]
    lines = []
    for number, block in enumerate(CONLL.split("\n\n")):
        pairs = [line.split("\t") for line in block.split("\n")]
        rows += [f"{number},{word},{tag}" for word, tag in pairs]
        lines.append(json.dumps({"words": [word for word, _ in pairs], "tags": [tag for _, tag in pairs]}))
    (folder / "my.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "my.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    make_model_folder("wordpiece", folder / "tiny")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def trained(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that `companion train` wrote."""
    out = tmp_path_factory.mktemp("runs") / "mine"
    arguments = ["--train", str(files["my.conll"]), "--dev", str(files["my.conll"]), "--test", str(files["my.conll"])]
    assert main(["train", *arguments, *_tiny(files), "--out", str(out)]) == 0
    return out


def _tiny(files: dict[str, Path]) -> list[str]:
    return ["--model", str(files["tiny"]), "--epochs", "2", "--batch-size", "4", "--precision", "fp32"]


def test_train_leaves_a_model_and_a_description(trained: Path) -> None:
    description = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert description["steps"] == 10
    assert description["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert (trained / "model" / "model.safetensors").is_file()
    assert not list(trained.rglob("*.bin"))


METHODS = ["bitfit", "adapter:4", "lora", "lora:2", "adalora:2", "prefix:2", "prompt:2"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_trained_evaluated_and_used(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    data, out = str(files["my.conll"]), str(tmp_path / "run")
    assert main(["train", "--train", data, "--dev", data, *_tiny(files), "--method", method, "--out", out]) == 0
    whole = (tmp_path / "run" / "model" / "model.safetensors").is_file()
    alone = (tmp_path / "run" / "model" / "adapter_model.safetensors").is_file()
    assert (whole, alone) == ((False, True) if method.startswith(("adapter", "p")) else (True, False))
    base = [] if whole else ["--base", str(files["tiny"])]
    capsys.readouterr()
    assert main(["evaluate", out, "--data", data, *base, "--json"]) == 0
    assert 0 <= json.loads(capsys.readouterr().out)["entity_f1"] <= 1
    assert main(["predict", out, "Merkel visited Rome .", *base, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "Merkel visited Rome ."
    assert main(["export", out, str(tmp_path / "copy"), *base]) == 0
    assert ("transformers.pipeline" in capsys.readouterr().out) == whole
    if alone:
        assert main(["predict", out, "Merkel"]) == 1
        assert "--base" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "columns"),
    [("my.csv", ["--columns", "word=token,tag=label,sentence=id"]), ("my.jsonl", [])],
)
def test_train_reads_named_columns(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, columns: list[str]
) -> None:
    arguments = ["--train", str(files[file]), *columns, *_tiny(files), "--out", str(tmp_path / "run"), "--json"]
    assert main(["train", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["steps"] > 0
    assert Path(document["model"]).is_dir()


def test_evaluate_prints_score_and_interval(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained), "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0.0 <= report["low"] <= report["entity_f1"] <= report["high"] <= 1.0
    assert report["sentences"] == 20
    assert report["seen"]["gold"] == 40


def test_evaluate_reads_another_file(trained: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained), "--data", str(files["my.jsonl"])]) == 0
    assert "LOC" in capsys.readouterr().out


def test_evaluate_refuses_unknown_labels(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.conll").write_text("Mars\tB-PLANET\n", encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(tmp_path / "other.conll")]) == 1
    message = capsys.readouterr().err
    assert "other.conll:1" in message
    assert "B-PLANET" in message


def test_predict_reads_a_file_line_by_line(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.cli.predict.CHUNK", 2)
    texts = ["Zwingmann visited Oslo.", "", "A form feed \x0c stays in its line.", "Oslo", "the last one has no end"]
    file = tmp_path / "texts.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(texts).encode())
    assert main(["predict", str(trained), "--json", "--file", str(file)]) == 0
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == texts


def test_predict_says_that_it_reads_no_columns(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, told in (("my.csv", True), ("my.JSONL", True), ("my.txt", False)):
        (tmp_path / name).write_text("text,label\nMüller left,here\n", encoding="utf-8")
        assert main(["predict", str(trained), "--file", str(tmp_path / name)]) == 0
        assert (f"{name}: each line is one text, as it stands" in capsys.readouterr().err) == told


def test_predict_says_which_line_is_not_utf8(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("Oslo\nTromsø\n".encode("latin-1"))
    assert main(["predict", str(trained), "--file", str(file)]) == 1
    assert "is not UTF-8 (line 2, byte 6 of it)" in capsys.readouterr().err
    file.write_bytes(b"")
    assert main(["predict", str(trained), "--file", str(file)]) == 1
    assert "there is no text" in capsys.readouterr().err


def test_predict_gives_offsets_into_the_text(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["Zwingmann visited Oslo.", "", "Merkel's letters."]
    assert main(["predict", str(trained), "--json", *texts]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == texts
    found = [(line["text"], entity) for line in lines for entity in line["entities"]]
    assert all(text[entity["start"] : entity["end"]] == entity["text"] for text, entity in found)
    assert all(0.0 < entity["score"] <= 1.0 for _, entity in found)


def test_export_writes_a_folder_and_refuses_a_full_one(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(trained), str(tmp_path / "tagger")]) == 0
    assert (tmp_path / "tagger" / "config.json").is_file()
    assert main(["export", str(trained), str(tmp_path / "tagger")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_the_same_command_again_changes_nothing(trained: Path, files: dict[str, Path]) -> None:
    before = (trained / "model" / "model.safetensors").read_bytes()
    arguments = ["--train", str(files["my.conll"]), "--dev", str(files["my.conll"]), "--test", str(files["my.conll"])]
    assert main(["train", *arguments, *_tiny(files), "--out", str(trained)]) == 0
    assert (trained / "model" / "model.safetensors").read_bytes() == before


def test_a_run_folder_of_other_labels_is_refused(
    trained: Path, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.conll"
    other.write_text(CONLL.replace("-LOC", "-PLACE") + "\n", encoding="utf-8")
    assert main(["train", "--train", str(other), "--dev", str(other), *_tiny(files), "--out", str(trained)]) == 1
    assert "B-PLACE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["train", "--out", "x"], 1, "--corpus NAME"),
        (["train", "--out", "x", "--corpus", "nowhere"], 1, "nowhere"),
        (["train", "--out", "x", "--train", "missing.conll"], 1, "missing.conll"),
        (["train", "--out", "x", "--corpus", "newsroom", "--epochs", "0"], 1, "epochs"),
        (["train", "--out", "x", "--corpus", "newsroom", "--method", "half"], 1, "method"),
        (["train", "--out", "x", "--corpus", "newsroom", "--method", "top"], 1, "top:LAYERS"),
        (["train", "--out", "x", "--corpus", "newsroom", "--method", "lora:x"], 1, "lora:RANK"),
        (["train", "--out", "x", "--corpus", "newsroom", "--method", "lora:0"], 1, "rank is 0"),
        (["train", "--out", "x", "--corpus", "newsroom", "--method", "full:3"], 1, "method is 'full:3'"),
        (["train", "--out", "x", "--corpus", "newsroom", "--model", "./nothing"], 1, "nothing"),
        (["train", "--epochs", "many", "--out", "x"], 2, "--epochs"),
        (["evaluate", "nothing"], 1, "nothing"),
        (["predict", "nothing", "text"], 1, "nothing"),
        (["corpora", "nowhere"], 1, "nowhere"),
        (["experiments", "nowhere"], 1, "nowhere"),
    ],
)
def test_wrong_input_is_explained(
    arguments: list[str],
    code: int,
    fragment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert fragment in captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / "x" / "run.json").exists()


def test_errors_are_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "nothing", "--json"]) == 1
    problem = json.loads(capsys.readouterr().out)
    assert problem["error"] == "ModelError"
    assert problem["remedy"]


def test_corpora_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpora", "--json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert {"newsroom", "wnut17", "wikigold", "uner-en-ewt", "uner-zh"} <= names


def test_terminal_escapes_in_data_are_not_passed_on(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(trained), "Zwingmann \x1b[31mvisited\x07 Oslo."]) == 0
    assert not {"\x1b", "\x07"} & set(capsys.readouterr().out)
