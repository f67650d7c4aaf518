"""Several adapters on one body: the same answers as alone, the body in memory once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import companion
from companion.adaptation import BitFit, LoRA, PrefixTuning, adapt
from companion.corpora.texts import Text
from companion.deployment import AdapterSet
from companion.errors import ConfigError, ModelError
from companion.models import load_encoder
from companion.tasks import TextTask, TokenTask
from companion.training import TrainConfig, train
from tests.tiny import LABELS
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

CONFIG = TrainConfig(epochs=3, learning_rate=2e-2, precision="fp32", progress=False)
TEXTS = [
    Text(text=f"{place} {word}", label=label, source="made")
    for place in ("Wolfsburg", "New York City", "São Paulo")
    for word, label in (("left", "bad"), ("visited", "good"))
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A body, and the folders of four adapters that were trained on it."""
    root = tmp_path_factory.mktemp("adapters")
    body = str(make_model_folder("wordpiece", root / "body"))
    encoder, folders = load_encoder(body), {}
    for name, method in (("people", LoRA(4)), ("places", PrefixTuning(3)), ("biases", BitFit())):
        task = TokenTask(LABELS, encoder)
        model = adapt(task.model(seed=len(folders)), method)
        run = train(
            model, task.batches(make_sentences(24), batch_size=8), task.objective, CONFIG, say=lambda line: None
        )
        folders[name] = run.export(root / name, adapter_only=True)
    task = TextTask(("bad", "good"), encoder)
    run = train(
        adapt(task.model(), LoRA(2)), task.batches(TEXTS, batch_size=6), task.objective, CONFIG, say=lambda line: None
    )
    folders["mood"] = run.export(root / "mood", adapter_only=True)
    return body, folders


def test_every_adapter_answers_as_if_it_were_alone(made):
    body, folders = made
    together = AdapterSet(body)
    for name, folder in folders.items():
        together.add(name, folder)
    assert together.names == tuple(folders)
    text = "Angela Merkel visited New York City . Müller left Wolfsburg ."
    alone = {name: companion.load(folder, base=body).predict(text) for name, folder in folders.items()}
    assert {name: together.predict(name, text) for name in folders} == alone
    with ThreadPoolExecutor(4) as pool:
        jobs = [(name, pool.submit(together.predict, name, text)) for _ in range(6) for name in folders]
    assert all(job.result() == alone[name] for name, job in jobs)
    assert len(jobs) == 24


def test_the_body_is_in_memory_once(made):
    body, folders = made
    size = sum(tensor.numel() * 4 for tensor in load_encoder(body).model_with_head("", seed=0).parameters())
    together, held = AdapterSet(body), []
    for name, folder in folders.items():
        together.add(name, folder)
        held.append(together.bytes_held())
    assert held == sorted(held)
    apart = sum(
        sum(tensor.numel() * 4 for tensor in companion.load(folder, base=body).model.parameters())
        for folder in folders.values()
    )
    assert apart > 3.9 * size
    # What was trained is little beside any body that is not as tiny as this one.
    assert held[-1] < 0.5 * apart
    assert held[0] < held[1] < held[-1]


def test_what_is_no_adapter_of_this_body_is_refused(made, tmp_path):
    body, folders = made
    together = AdapterSet(body)
    together.add("people", folders["people"])
    with pytest.raises(ConfigError, match="an adapter called 'people' already"):
        together.add("people", folders["mood"])
    with pytest.raises(ConfigError, match="no adapter is called 'mood'") as caught:
        together.predict("mood", "text")
    assert "people" in caught.value.remedy
    with pytest.raises(ModelError, match="there is no such folder"):
        together.add("mood", folders["mood"].with_name("elsewhere"))
    with pytest.raises(ModelError, match="holds no adapter"):
        together.add("body", body)
    other = AdapterSet(str(make_model_folder("unigram", tmp_path / "other")))
    with pytest.raises(ModelError, match="another body"):
        other.add("people", folders["people"])
