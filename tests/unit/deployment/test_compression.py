"""ONNX export: the gate lets a good graph through and stops a bad one; a graph's answers do not depend on company."""

from __future__ import annotations

import json

import pytest
import torch

import companion
from companion.deployment import compression
from companion.deployment.compression import Parity, ParityBound, export_onnx, measure_parity
from companion.deployment.onnx_folder import ONNX_FILE, OnnxModel, is_onnx_folder, open_onnx
from companion.errors import ConfigError, DataError, ExportError, ModelError
from tests.faults.service import make_folder
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

TEXTS = ["Angela Merkel visited New York City .", "Müller left Wolfsburg .", "a", ""]
WIDE = ParityBound(agreement=0.5, f1_drop=1.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tagger, its int8 graph in a folder, and what the gate measured; the exporter takes seconds, so one for all."""
    root = tmp_path_factory.mktemp("graphs")
    predictor = companion.load(make_folder(root, "tagger"))
    parity = export_onnx(predictor, root / "int8", make_sentences(12), bound=WIDE)
    return root, predictor, parity


def test_the_graph_answers_as_the_model(made):
    root, predictor, parity = made
    assert is_onnx_folder(root / "int8")
    assert not is_onnx_folder(root / "tagger")
    assert parity.agreement > 0.9
    assert parity.positions > 100
    # How far logits move is the processor's: one without VNNI adds products in 16 bits, which may saturate.
    assert 0 < parity.largest_difference < 10
    opened = companion.load(root / "int8")
    assert opened.labels == predictor.labels
    assert [[entity.start for entity in found] for found in opened.predict_many(TEXTS)] == [
        [entity.start for entity in found] for found in predictor.predict_many(TEXTS)
    ]
    settings = json.loads((root / "int8" / "companion.json").read_text("utf-8"))
    assert (settings["onnx"], settings["parity"]["rows"]) == ("int8", 12)
    assert str(root) not in json.dumps(settings)


def test_company_changes_nothing_although_scales_are_dynamic(made):
    root, _, _ = made
    predictor = companion.load(root / "int8")
    alone = [predictor.predict(text) for text in TEXTS]
    assert predictor.predict_many(TEXTS) == alone
    # Sabotage: the graph is asked about two rows at once.
    session = predictor.model.session
    rows = torch.tensor([[2, 9, 11, 3], [2, 250, 30, 3]]).numpy()
    mask = torch.ones(2, 4, dtype=torch.long).numpy()
    both = session.run(["logits"], {"input_ids": rows, "attention_mask": mask})[0]
    one = session.run(["logits"], {"input_ids": rows[:1], "attention_mask": mask[:1]})[0]
    assert abs(both[0] - one[0]).max() > 0


def test_a_bad_graph_is_not_written(made, monkeypatch, tmp_path):
    root, predictor, _ = made
    graph = (root / "int8" / ONNX_FILE).read_bytes()
    monkeypatch.setattr(compression, "_write_graph", lambda model, file, names: file.write_bytes(graph))
    monkeypatch.setattr(compression, "quantise", lambda source, target: target.write_bytes(graph))
    with torch.no_grad():
        predictor.model.classifier.bias.add_(torch.tensor([0.0, 50.0, 0.0, 0.0, 0.0]))
    try:
        with pytest.raises(ExportError, match="agrees with its model on") as caught:
            export_onnx(predictor, tmp_path / "bad", make_sentences(4))
    finally:
        with torch.no_grad():
            predictor.model.classifier.bias.sub_(torch.tensor([0.0, 50.0, 0.0, 0.0, 0.0]))
    assert "fp32" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []
    assert export_onnx(predictor, tmp_path / "good", make_sentences(4), bound=WIDE).rows == 4
    with pytest.raises(ExportError, match="is not empty"):
        export_onnx(predictor, tmp_path / "good", make_sentences(4), bound=WIDE)


def test_the_gate_names_the_bound():
    kept = {"rows": 1, "positions": 100, "agreement": 1.0, "largest_difference": 0.0}
    Parity(**kept, f1_before=0.9, f1_after=0.89).check(ParityBound(f1_drop=0.011))
    with pytest.raises(ExportError, match="F1 falls from 0.9000 to 0.8800"):
        Parity(**kept, f1_before=0.9, f1_after=0.88).check(ParityBound())
    with pytest.raises(ExportError, match="97.00%"):
        Parity(**{**kept, "agreement": 0.97}).check(ParityBound())
    with pytest.raises(ExportError):
        Parity(**{**kept, "agreement": float("nan")}).check(ParityBound())
    for name in ("agreement", "f1_drop"):
        with pytest.raises(ConfigError, match=name):
            ParityBound(**{name: 1.5})


def test_a_model_agrees_with_itself(made):
    _, predictor, _ = made
    parity = measure_parity(predictor, predictor.model, make_sentences(6))
    assert (parity.agreement, parity.largest_difference, parity.f1_before) == (1.0, 0.0, parity.f1_after)


def test_what_cannot_be_asked_for_is_said(made, tmp_path):
    root, predictor, _ = made
    with pytest.raises(ConfigError, match="precision is 'int4'"):
        export_onnx(predictor, tmp_path / "x", make_sentences(1), precision="int4")
    with pytest.raises(ConfigError, match="no rows"):
        export_onnx(predictor, tmp_path / "x", [])
    (tmp_path / "broken").mkdir()
    for path in (root / "int8").iterdir():
        (tmp_path / "broken" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken" / ONNX_FILE).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be opened"):
        open_onnx(tmp_path / "broken")
    with pytest.raises(ModelError, match="cannot be opened"):
        OnnxModel(tmp_path / "broken" / ONNX_FILE)


def test_a_graph_of_pairs_numbers_its_texts_and_refuses_rows_without(tmp_path):
    file = make_model_folder("wordpiece", tmp_path / "encoder") / "tokenizer_config.json"
    names = ["input_ids", "token_type_ids", "attention_mask"]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_input_names": names}), encoding="utf-8")
    task = companion.TextTask(("no", "yes"), companion.load_encoder(str(tmp_path / "encoder")), pairs=True)
    predictor = companion.load(task.export(task.model(seed=2), tmp_path / "plain"))
    rows = [companion.Text(text="left", text_pair=f"visited {place}", label="no") for place in ("Wolfsburg", "北京")]
    assert export_onnx(predictor, tmp_path / "graph", rows, precision="fp32").largest_difference < 1e-4
    graph = companion.load(tmp_path / "graph")
    assert graph.model.reads == set(names)
    asked = [row.texts for row in rows] + [("left Wolfsburg and 北京", "left")]
    for one, other in zip(predictor.predict_many(asked), graph.predict_many(asked), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
    with pytest.raises(DataError, match="the model reads pairs"):
        graph.predict("left")
    pieces = torch.ones((1, 3), dtype=torch.long)
    with pytest.raises(ModelError, match="the graph reads attention_mask, input_ids, token_type_ids"):
        graph.model(pieces, pieces)
