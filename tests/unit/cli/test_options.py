"""Options that a command takes are options that do something: each on a tiny model, in a few updates."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer
from safetensors.torch import load_file

from companion.cli import app, main
from companion.training import Checkpoints, forward
from tests.processes import call_together
from tests.tiny import digest
from tests.tokenizers import make_model_folder

SENTENCES = [
    [(name, "B-PER"), ("visited", "O"), ("New", "B-LOC"), ("York", "I-LOC"), (ending, "O")]
    for name in ("Zwingmann", "Müller")
    for ending in (".", "!", "?")
]


def conll(sentences: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same sentences as CoNLL (also under another ending, in IOB1, and broken), labelled texts, a tiny model."""
    folder = tmp_path_factory.mktemp("files")
    written = {
        "my.conll": conll(SENTENCES),
        "my.csv": conll(SENTENCES),
        "iob1.conll": conll(SENTENCES).replace("B-", "I-"),
        "broken.conll": conll(SENTENCES).replace("New\tB-LOC", "New\tO"),
        "my.jsonl": "".join(json.dumps({"text": name, "label": name}) + "\n" for name in ("Zwingmann", "Müller") * 3),
        "both.jsonl": "".join(
            json.dumps({"words": [word for word, _ in row], "tags": [tag for _, tag in row], "text": "x", "label": "y"})
            + "\n"
            for row in SENTENCES
        ),
    }
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    make_model_folder("wordpiece", folder / "tiny")
    return {path.name: path for path in folder.iterdir()}


def train(files: dict[str, Path], out: Path, *more: str, name: str = "my.conll") -> int:
    data = ["--train", str(files[name]), "--dev", str(files[name]), "--test", str(files[name])]
    small = ["--model", str(files["tiny"]), "--batch-size", "2", "--max-updates", "3", "--precision", "fp32"]
    return main(["train", *data, *small, "--device", "cpu", "--out", str(out), *more])


def weights(out: Path) -> str:
    return digest(load_file(out / "model" / "model.safetensors"))


def story(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trained(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the options are compared with: three updates, an evaluation at the end."""
    out = tmp_path_factory.mktemp("runs") / "plain"
    assert train(files, out) == 0
    return out


def test_a_form_that_the_ending_does_not_tell_is_named(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "guessed", name="my.csv") == 1
    assert "--columns" in capsys.readouterr().err
    assert train(files, tmp_path / "named", "--format", "conll", name="my.csv") == 0
    assert weights(tmp_path / "named") == weights(trained)
    capsys.readouterr()
    assert main(["evaluate", str(trained), "--data", str(files["my.csv"]), "--format", "conll", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentences"] == 6


def test_a_file_that_can_be_read_in_two_ways_needs_a_task(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "guessed", name="both.jsonl") == 1
    assert "--task tokens or --task text" in capsys.readouterr().err
    assert train(files, tmp_path / "named", "--task", "tokens", name="both.jsonl") == 0
    assert weights(tmp_path / "named") == weights(trained)


def test_the_scheme_of_the_tags_is_named(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "named", "--scheme", "IOB1", name="iob1.conll") == 0
    assert story(tmp_path / "named")["labels"] == story(trained)["labels"]
    assert weights(tmp_path / "named") == weights(trained)
    assert train(files, tmp_path / "wrong", "--scheme", "IOB2", name="iob1.conll") == 1
    assert "iob1.conll:1" in capsys.readouterr().err
    assert main(["evaluate", str(trained), "--data", str(files["iob1.conll"]), "--scheme", "IOB1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seen"]["gold"] == 12


def test_broken_tags_are_refused_or_repaired_and_counted(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "strict", "--scheme", "IOB2", name="broken.conll") == 1
    assert "broken.conll:4" in capsys.readouterr().err
    assert train(files, tmp_path / "repaired", "--scheme", "IOB2", "--repair", name="broken.conll") == 0
    assert "repairs: 18 × tag that breaks IOB2 (first: broken.conll:4," in capsys.readouterr().err
    data = ["--data", str(files["broken.conll"]), "--scheme", "IOB2"]
    assert main(["evaluate", str(trained), *data]) == 1
    assert "broken.conll:4" in capsys.readouterr().err
    assert main(["evaluate", str(trained), *data, "--repair"]) == 0
    assert "repairs: 6 × tag that breaks IOB2 (first: broken.conll:4," in capsys.readouterr().err


def test_the_seed_decides_the_weights(files, trained, tmp_path) -> None:
    for name, seed in (("same", "0"), ("other", "1")):
        assert train(files, tmp_path / name, "--seed", seed) == 0
        assert story(tmp_path / name)["config"]["seed"] == int(seed)
    assert weights(tmp_path / "same") == weights(trained) != weights(tmp_path / "other")


def test_patience_ends_a_run_that_gains_nothing(files, tmp_path) -> None:
    still = ["--batch-size", "6", "--learning-rate", "1e-12"]
    for name, more, steps in (("patient", [], 3), ("impatient", ["--patience", "1"], 2)):
        assert train(files, tmp_path / name, *still, *more) == 0
        assert story(tmp_path / name)["steps"] == steps


def test_it_is_also_saved_in_between(files, tmp_path, monkeypatch) -> None:
    saved, save = [], Checkpoints.save

    def spy(store: Checkpoints, step: int, *arguments: object, **options: object) -> Path:
        saved.append((store.folder.parent.name, step))
        return save(store, step, *arguments, **options)

    monkeypatch.setattr(Checkpoints, "save", spy)
    assert train(files, tmp_path / "usual") == 0
    assert train(files, tmp_path / "often", "--checkpoint-every", "1") == 0
    assert saved == [("usual", 3), ("often", 1), ("often", 2), ("often", 3)]
    assert weights(tmp_path / "often") == weights(tmp_path / "usual")


def test_layers_below_learn_more_slowly(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "run", "--layer-decay", "0.5") == 0
    assert "layer decay 0.5" in capsys.readouterr().err
    assert weights(tmp_path / "run") != weights(trained)


def test_activations_are_computed_again_with_the_same_result(files, trained, tmp_path, monkeypatch) -> None:
    seen, recomputed = [], forward.recomputed
    monkeypatch.setattr(forward, "recomputed", lambda model: seen.append(model) or recomputed(model))
    assert train(files, tmp_path / "run", "--activation-checkpointing") == 0
    assert len(seen) == 1
    assert weights(tmp_path / "run") == weights(trained)


def test_the_forward_pass_is_compiled(files, trained, tmp_path, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(forward, "compiled", lambda model, device: seen.append(model) or nullcontext())
    assert train(files, tmp_path / "run", "--compile") == 0
    assert len(seen) == 1
    assert story(tmp_path / "run")["config"]["compile"] is True
    assert weights(tmp_path / "run") == weights(trained)


def test_one_process_has_nobody_to_share_with(files, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "run", "--sharding", "full") == 1
    assert "there is one process to share with" in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists()


def train_together(rank: int, files: dict[str, Path], out: Path) -> int:
    return train(files, out, "--sharding", "full")


@pytest.mark.two_process
def test_two_processes_share_a_model_and_leave_one_folder(files, trained, tmp_path) -> None:
    assert call_together(2, tmp_path, train_together, files, tmp_path / "run") == [0, 0]
    assert story(tmp_path / "run")["config"]["sharding"] == "full"
    alone = load_file(trained / "model" / "model.safetensors")
    together = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert together.keys() == alone.keys()
    for name, tensor in alone.items():
        assert (together[name] - tensor).abs().max() < 1e-2, name


def test_what_only_you_know_stands_on_the_card(files, trained, tmp_path, capsys) -> None:
    assert train(files, tmp_path / "run", "--language", "de", "--licence", "apache-2.0") == 0
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert "language: de\n" in card and "license: apache-2.0\n" in card
    assert "language: de" not in (trained / "model" / "README.md").read_text(encoding="utf-8")
    assert train(files, tmp_path / "wrong", "--language", "German") == 1
    assert "language is 'German'" in capsys.readouterr().err
    assert not (tmp_path / "wrong").exists()


def test_entities_can_be_counted_leniently_and_errors_shown(trained, capsys) -> None:
    found = {}
    for reading, more in (("strict", []), ("lenient", ["--lenient"])):
        assert main(["evaluate", str(trained), "--json", *more]) == 0
        found[reading] = json.loads(capsys.readouterr().out)
        assert found[reading]["strict"] is (reading == "strict")
    # What this little training predicts is ill formed often enough to be read in two ways.
    assert found["lenient"]["predicted"] >= found["strict"]["predicted"]
    assert main(["evaluate", str(trained)]) == 0
    plain = capsys.readouterr().out
    assert main(["evaluate", str(trained), "--errors", "1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(plain)
    lines = shown.removeprefix(plain).splitlines()
    kinds = [line.split()[0] for line in lines]
    assert lines and len(set(kinds)) == len(kinds), "one of each kind"
    assert set(kinds) <= {"boundary", "type", "both", "missed", "spurious"}


def test_texts_come_from_standard_input_and_answers_are_for_programs(trained, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Zwingmann visited New York.\r\nMüller\n"))
    assert main(["predict", str(trained), "--json"]) == 0
    found = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert found == ["Zwingmann visited New York.", "Müller"]
    assert main(["export", str(trained), str(tmp_path / "copy"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"folder": str(tmp_path / "copy"), "labels": story(trained)["labels"]}


def test_standard_input_is_read_as_utf_8_or_refused_with_its_line(trained, capsys, monkeypatch) -> None:
    def given(data: bytes) -> int:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        return main(["predict", str(trained), "--json"])

    assert given("Müller left.\r\n".encode()) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "Müller left."
    assert given("Oslo\nMüller left.\n".encode("latin-1")) == 1
    assert "standard input: is not UTF-8 (line 2, byte 2 of it)" in capsys.readouterr().err


def test_files_of_another_encoding_are_read_where_it_is_named(files, trained, tmp_path, capsys) -> None:
    (tmp_path / "excel.conll").write_text(conll(SENTENCES), encoding="cp1252")
    given = {**files, "excel.conll": tmp_path / "excel.conll"}
    assert train(given, tmp_path / "refused", name="excel.conll") == 1
    assert "--encoding cp1252" in capsys.readouterr().err
    assert train(given, tmp_path / "run", "--encoding", "cp1252", name="excel.conll") == 0
    assert weights(tmp_path / "run") == weights(trained)
    capsys.readouterr()
    scores = []
    for file, *named in ((files["my.conll"],), (given["excel.conll"], "--encoding", "cp1252")):
        assert main(["evaluate", str(trained), "--data", str(file), *named, "--json"]) == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert scores[0] == scores[1]


def test_texts_and_a_file_are_not_both_taken(trained, tmp_path, capsys) -> None:
    assert main(["predict", str(trained), "Oslo", "--file", str(tmp_path / "texts.txt")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "1 text is given as well as --file" in told.err


@pytest.mark.parametrize("option", [("--precision", "int8"), ("--data", "x.conll"), ("--max-f1-drop", "0.1")])
def test_what_belongs_to_a_graph_is_refused_without_one(trained, tmp_path, capsys, option) -> None:
    assert main(["export", str(trained), str(tmp_path / "copy"), *option]) == 1
    assert f"{option[0]} has no meaning without --onnx" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("option", [("--schedule", "sequence"), ("--weight", "0.5")])
def test_what_belongs_to_the_hybrid_recipe_is_refused_without_it(files, tmp_path, capsys, option) -> None:
    assert train(files, tmp_path / "run", *option) == 1
    assert f"{option[0]} has no meaning without --recipe hybrid" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_model_is_not_exported_onto_a_file(trained, tmp_path, capsys) -> None:
    (tmp_path / "copy").write_text("mine", encoding="utf-8")
    assert main(["export", str(trained), str(tmp_path / "copy")]) == 1
    assert "copy: is a file" in capsys.readouterr().err
    assert (tmp_path / "copy").read_text(encoding="utf-8") == "mine"


COMMANDS = typer.main.get_command(app.build_app()).commands


def unused(name: str, tests: str) -> list[str]:
    """The options of a command that no test types."""
    options = [option for option in COMMANDS[name].params if option.param_type_name == "option"]
    assert options
    return [option.opts[0] for option in options if f'"{option.opts[0]}"' not in tests]


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "export"])
def test_no_option_is_without_a_test(name: str) -> None:
    """It looks for the option in quotes, so it cannot see for which command it is typed."""
    typed = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py")))
    assert unused(name, typed) == []
    assert "--json" in unused(name, typed.replace('"--json"', ""))
