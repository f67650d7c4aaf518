"""A served classifier of pairs answers as its predictor does, in any company, and says what it needs."""

from __future__ import annotations

import html
import json
import random

import pytest

import companion
from companion.deployment.monitoring.observations import observe
from companion.deployment.service import ServedModel, serve_app
from tests.faults.service import ask, get, make_folder, running, settings
from tests.tokenizers import PLACES, VERBS


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A classifier of pairs whose tokenizer numbers the texts, one of single texts, and a tagger."""
    root = tmp_path_factory.mktemp("served")
    found = {"tagger": make_folder(root, "tagger")}
    file = root / "body" / "tokenizer_config.json"
    names = ["input_ids", "token_type_ids", "attention_mask"]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_input_names": names}), encoding="utf-8")
    for name, pairs in (("same", True), ("mood", False)):
        task = companion.TextTask(("no", "yes"), companion.load_encoder(str(root / "body")), max_length=40, pairs=pairs)
        found[name] = task.export(task.model(seed=1), root / name)
    return found


@pytest.fixture(scope="module")
def port(folders):
    with running(serve_app({name: folders[name] for name in ("same", "mood", "tagger")}, settings())) as port:
        yield port


@pytest.fixture(scope="module")
def pairs():
    draw = random.Random(0)
    return [
        (f"{draw.choice(VERBS[:4])} {draw.choice(PLACES)}", f"{draw.choice(VERBS[:4])} {draw.choice(PLACES[:5])}")
        for _ in range(40)
    ]


def test_answers_are_the_predictors_in_any_company(folders, pairs):
    predictor, served = companion.load(folders["same"]), ServedModel("same", folders["same"])
    alone = [predictor.predict(pair) for pair in pairs]
    groups: dict[int, list[int]] = {}
    prepared = [served.prepare(pair) for pair in pairs]
    for place, one in enumerate(prepared):
        groups.setdefault(one.key, []).append(place)
    assert max(map(len, groups.values())) > 4
    for places in groups.values():
        for place, answer in zip(places, served.answer([prepared[place] for place in places]), strict=True):
            assert (answer["label"], answer["score"]) == (alone[place].label, alone[place].score)


def test_pairs_are_sent_as_two_fields_one_or_several(port, folders, pairs):
    right = [one.score for one in companion.load(folders["same"]).predict_many(pairs[:3])]
    firsts, seconds = map(list, zip(*pairs[:3], strict=True))
    status, answer = ask(port, {"texts": firsts, "text_pairs": seconds})
    assert status == 200 and [row["score"] for row in answer["results"]] == pytest.approx(right, abs=1e-6)
    status, answer = ask(port, {"text": firsts[0], "text_pair": seconds[0]})
    assert status == 200 and answer["results"][0]["score"] == pytest.approx(right[0], abs=1e-6)
    listed = json.loads(get(port, "/v1/models")[1])["models"]
    assert [(model["name"], model["pairs"]) for model in listed] == [("same", True), ("mood", False), ("tagger", False)]


def test_the_page_for_people_shows_how_pairs_are_sent_where_a_model_reads_them(port, folders):
    shown = html.unescape(get(port, "/docs")[1])
    assert '"text_pair": "' in shown and "localhost:8700/predict" in shown and "/v1/models/mood/predict -H" in shown
    with running(serve_app({"mood": folders["mood"]}, settings())) as other:
        assert '"text_pair": "' not in html.unescape(get(other, "/docs")[1])


@pytest.mark.parametrize(
    ("name", "body", "status", "field", "message"),
    [
        ("same", {"text": "a"}, 400, "text_pair", "the model reads pairs of texts: send text_pair as well"),
        ("same", {"texts": ["a"]}, 400, "text_pairs", "the model reads pairs of texts: send text_pairs as well"),
        ("same", {"texts": ["a", "b"], "text_pairs": ["c"]}, 400, "text_pairs", "one second text for each of the 2"),
        ("same", {"texts": ["a"], "text_pair": "b"}, 400, "text_pairs", "texts with text_pairs"),
        ("same", {"text": "a", "text_pairs": ["b"]}, 400, "text_pair", "text with text_pair"),
        ("same", {"text": "a", "text_pair": "b" * 100_001}, 413, "text_pair", "a text may have"),
        ("same", {"text": "a", "text_pair": "left " * 40}, 413, "texts.0", "longer than the 40 word pieces"),
        ("mood", {"text": "a", "text_pair": "b"}, 400, "text_pair", "the model reads one text: leave text_pair out"),
        ("tagger", {"text": "a", "text_pair": "b"}, 400, "text_pair", "the model reads one text: leave text_pair out"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(port, name, body, status, field, message):
    found, answer = ask(port, body, f"/v1/models/{name}/predict")
    assert (found, answer["error"]["field"]) == (status, field) and message in answer["error"]["message"]


def test_a_monitor_counts_both_texts(folders):
    predictor = companion.load(folders["same"])
    [seen] = observe(predictor.task, predictor.model, [("left Wolfsburg", "visited the U.S.")])
    assert seen.words == 5 and seen.answer[0] in {"no", "yes"}
