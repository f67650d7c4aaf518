"""The paths of the service: what they describe, count and answer."""

from __future__ import annotations

import json

import pytest

import companion
from companion.deployment.service import serve_app
from companion.deployment.service.masking import log_line
from companion.deployment.service.server import reload_models
from companion.errors import ConfigError
from tests.faults.service import ask, get, make_folder, running, settings
from tests.tiny import LABELS


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def app(root):
    folder = make_folder(root, "tagger")
    task = companion.TextTask(("bad", "good"), companion.load_encoder(str(root / "body")), kind="multi", max_length=20)
    mood = task.export(task.model(seed=1), root / "mood")
    return serve_app({"tagger": folder, "mood": mood}, settings())


@pytest.fixture(scope="module")
def port(app):
    with running(app) as port:
        yield port


def test_the_description_says_what_can_happen(port):
    document = json.loads(get(port, "/openapi.json")[1])
    assert set(document["paths"]) == {
        "/predict",
        "/v1/models/{name}/predict",
        "/v1/models/{name}/reload",
        "/v1/models",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    statuses = set(document["paths"]["/predict"]["post"]["responses"])
    assert {"200", "400", "401", "403", "404", "413", "503", "504"} == statuses
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_models_are_listed_by_name_and_never_by_place(port, root):
    listed = json.loads(get(port, "/v1/models")[1])["models"]
    assert [(model["name"], model["task"], model["format"]) for model in listed] == [
        ("tagger", "tokens", "torch"),
        ("mood", "texts", "torch"),
    ]
    assert listed[0]["labels"] == list(LABELS)
    assert str(root) not in json.dumps(listed)


def test_a_classifier_says_that_it_would_have_to_cut(port):
    path, long = "/v1/models/mood/predict", "Angela Merkel left " * 20
    status, answer = ask(port, {"texts": ["Angela", long]}, path)
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (413, "text_too_long", "texts.1")
    assert ask(port, {"text": long, "cut_allowed": True}, path)[1]["results"][0]["cut"]
    status, answer = ask(port, {"text": "\u200b"}, path)
    assert (status, answer["error"]["code"]) == (400, "no_words")


def test_a_body_without_its_type_is_told_which(port):
    status, answer = ask(port, {"text": "Angela"}, **{"content-type": "application/x-www-form-urlencoded"})
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert answer["error"]["message"].endswith("content-type: application/json")


def test_what_is_counted_bears_names_of_ours(port):
    ask(port, {"texts": ["Angela Merkel left", "Wolfsburg"]}, "/v1/models/tagger/predict")
    lines = [line for line in get(port, "/metrics")[1].splitlines() if not line.startswith("#")]
    types = {
        line.partition('type="')[2].partition('"')[0] for line in lines if line.startswith("companion_found_total")
    }
    assert types <= {"LOC", "PER", "bad", "good"}
    assert any(line.startswith('companion_texts_total{model="tagger"}') for line in lines)
    assert any('route="/v1/models/{name}/predict",status="200"' in line for line in lines)


def test_a_log_line_holds_names_and_numbers_only():
    fields = {"route": "/v1/models/{name}/predict", "ms": 1.23456, "model": "Angela Merkel", "texts": 2, "x": "a\nb"}
    assert json.loads(log_line(fields)) == {
        "route": "/v1/models/{name}/predict",
        "ms": 1.23,
        "model": "(13 characters)",
        "texts": 2,
        "x": "(3 characters)",
    }


def test_every_folder_is_read_again_at_once(app, port):
    former = app.state.registry.get("tagger")
    assert reload_models(app) == ["tagger", "mood"]
    assert app.state.registry.get("tagger") is not former


def test_a_service_without_a_model_is_none():
    with pytest.raises(ConfigError, match="no model to serve"):
        serve_app({})
