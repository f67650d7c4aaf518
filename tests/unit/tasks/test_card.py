"""The model card: metadata that the Hub's own library reads and writes back the same, and no word too many."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from companion.errors import ExportError
from companion.models import load_encoder
from companion.tasks import TextTask
from companion.tasks.card import describe_task, metadata, model_card, write_card


def story(task: Any, **changes: Any) -> dict[str, Any]:
    """A whole story, as a run tells it."""
    score = {"value": 0.81234, "low": 0.75, "high": 0.86}
    data = {
        "name": "newsroom-sentiment",
        "rows": {"train": 1329, "dev": 224},
        "digests": {"train": "0123456789abcdef", "dev": "fedcba9876543210"},
        "examples": {"negative": 300, "neutral": 700, "positive": 329},
        "licence": "CC0-1.0",
        "citation": "The authors.",
        "notes": ["split by rule: 80/10/10"],
        "language": "en",
        "hub_name": None,
        "model_licence": None,
    }
    return {
        **describe_task(task),
        "data": data | changes.pop("data", {}),
        "config": {"seed": 7, "epochs": 4, "learning_rate": 2e-4, "patience": None, "batch_size": 32},
        "given": ["seed"],
        "reasons": {"learning_rate": "22.7 M parameters"},
        "adaptation": "full",
        "parameters": 1000,
        "trained_parameters": 900,
        "steps": 160,
        "best_step": 120,
        "command": "companion train --corpus newsroom-sentiment --seed 7 --out mine",
        "results": {"dev": {"rows": 224, "scores": {"accuracy": score, "macro_f1": score}}},
        **changes,
    }


@pytest.fixture(scope="module")
def text_task(model_folders) -> TextTask:
    """A classifier's task."""
    return TextTask(("negative", "neutral", "positive"), load_encoder(str(model_folders["wordpiece"])))


@pytest.mark.parametrize("whole", [False, True])
def test_the_hub_reads_it_and_writes_it_back_the_same(text_task, task, tmp_path, whole) -> None:
    for some in (text_task, task):
        told = story(some) if whole else describe_task(some)
        write_card(tmp_path, told, name="mine")
        card = ModelCard.load(tmp_path / "README.md")
        front = metadata_load(tmp_path / "README.md")
        assert card.data.to_dict() == front == metadata(told, "mine").to_dict()
        assert ModelCard(str(card)).content == card.content
        assert front["pipeline_tag"] in {"text-classification", "token-classification"}
        assert front["library_name"] == "transformers"
        assert ("model-index" in front) is whole
        if whole:
            name, results = model_index_to_eval_results(front["model-index"])
            assert name == "mine"
            assert eval_results_to_model_index(name, results) == front["model-index"]
            assert [(row.dataset_split, row.metric_type, row.metric_value) for row in results] == [
                ("dev", "accuracy", 0.8123),
                ("dev", "f1", 0.8123),
            ]
            assert front["metrics"] == ["accuracy", "f1"]
            assert front["language"] == "en"


def test_a_whole_card_says_what_a_stranger_must_know(text_task) -> None:
    card = model_card(story(text_task), "mine")
    for fragment in (
        "# A text classifier",
        "on *newsroom-sentiment* with",
        'companion.load("mine")',
        "| dev | 224 | 0.812 [0.750, 0.860] | 0.812 [0.750, 0.860] |",
        "one run, with seed 7",
        "Dev chose the weights",
        "Test has not been measured.",
        "| train | 1,329 | `0123456789abcdef` |",
        "Train holds 300 (negative) to 700 (neutral) texts of each label.",
        "Split by rule: 80/10/10.",
        "Licence of the data: CC0-1.0.",
        "160 updates were made; the weights of update 120 are kept.",
        "| learning rate | 0.0002 | 22.7 M parameters |",
        "| seed | 7 | given |",
        "| epochs | 4 | default |",
        "| what is trained | full | 900 of 1,000 parameters |",
        "Texts longer than 128 word pieces are cut",
        "Every text gets one of the labels",
        "companion train --corpus newsroom-sentiment --seed 7 --out mine",
    ):
        assert fragment in card, fragment
    assert "patience" not in card
    assert re.findall(r"^## (.+)$", card, flags=re.M) == [
        "Use",
        "Results",
        "Training data",
        "Settings",
        "Limits",
        "Do it again",
    ]


def test_what_was_measured_on_test_is_shown(text_task) -> None:
    told = story(text_task)
    told["results"]["test"] = {"rows": 346, "scores": {"accuracy": {"value": 0.7}, "macro_f1": {"value": None}}}
    card = model_card(told, "mine")
    assert "| test | 346 | 0.700 | undefined |" in card
    assert "Test has not been measured" not in card
    assert len(metadata(told, "mine").eval_results) == 3


def test_without_a_command_python_says_how(text_task) -> None:
    assert "Call `companion.fine_tune`" in model_card(story(text_task, command=None), "mine")


@pytest.mark.parametrize(
    ("encoder", "data", "licence"),
    [
        ("offline", {"licence": "CC0-1.0"}, "apache-2.0"),
        ("offline", {"licence": "CC BY-NC-SA 3.0"}, None),
        ("offline", {"licence": ""}, None),
        ("some-model", {"licence": "CC0-1.0"}, None),
        ("some-model", {"licence": "", "model_licence": "mit"}, "mit"),
    ],
)
def test_a_licence_is_stated_only_where_it_is_clear(text_task, encoder, data, licence) -> None:
    told = story(text_task, encoder=encoder, data=data)
    assert metadata(told, "mine").to_dict().get("license") == licence
    assert ("No licence is stated for the model" in model_card(told, "mine")) is (licence is None)


def test_names_on_the_hub_are_used_where_there_are_some(text_task) -> None:
    told = story(text_task, base_model="org/base", data={"hub_name": "PolyAI/banking77"})
    front = metadata(told, "mine").to_dict()
    assert front["datasets"] == ["PolyAI/banking77"]
    assert front["base_model"] == "org/base"
    assert front["model-index"][0]["results"][0]["dataset"]["type"] == "PolyAI/banking77"
    assert "(org/base)" in model_card(told, "mine")
    assert "datasets" not in metadata(story(text_task), "mine").to_dict()


def test_labels_from_hostile_data_are_text(model_folders) -> None:
    labels = ("<script>alert(1)</script>", "a|b", "[x](javascript:1)", "---\nlicense: mit", "\x1b[31m", "`code`")
    task = TextTask(labels, load_encoder(str(model_folders["wordpiece"])))
    card = model_card(story(task, data={"name": labels[0], "citation": labels[2]}), '"quoted`')
    front, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["dataset"]["name"] == labels[0]
    assert "license" not in yaml.safe_load(front) or yaml.safe_load(front)["license"] == "apache-2.0"
    # Every opening of markup has a backslash before it.
    assert not re.search(r"(?<!\\)<|(?<!\\)\[x|(?<!\\)`code|\x1b", body)
    assert "\n---" not in body
    assert "a\\|b" in body
    with pytest.raises(AssertionError):
        assert not re.search(r"(?<!\\)<", body.replace("\\<", "<"))


def test_other_tasks_have_other_words(task, model_folders) -> None:
    encoder = load_encoder(str(model_folders["wordpiece"]))
    assert "are windowed by `companion.load`" in model_card(describe_task(task), "mine")
    assert 'pipeline("token-classification", "mine", aggregation_strategy="first")' in model_card(
        describe_task(task), "mine"
    )
    number = model_card(describe_task(TextTask(["stars"], encoder, kind="regression", pooling="cls")), "mine")
    assert "# A model that gives texts a number" in number
    assert "Labels" not in number
    assert 'pipeline("text-classification", "mine")' in number
    several = model_card(describe_task(TextTask(["a", "b"], encoder, kind="multi")), "mine")
    assert "A text may have any number of them." in several
    many = TextTask([f"label{number:03}" for number in range(50)], encoder)
    assert "label029 and 20 more." in model_card(describe_task(many), "mine")


def test_an_uncased_encoder_is_a_limit(text_task) -> None:
    assert "uncased" not in model_card(describe_task(text_task), "mine")
    assert "The encoder is uncased" in model_card({**describe_task(text_task), "uncased": True}, "mine")


def test_a_card_that_cannot_be_written_is_an_error(text_task, tmp_path: Path) -> None:
    (tmp_path / "README.md").mkdir()
    with pytest.raises(ExportError, match="the card cannot be written"):
        write_card(tmp_path, describe_task(text_task))
