"""How hard the book's corpora are: trivial and classical baselines beside the offline encoder, five seeds.

Newsroom's names (entity F1), Newsroom's sentence sentiment (macro F1) and Helpdesk's intents (accuracy within the 30
intents, and the share of out-of-scope messages that are recognised). All are measured on the test split; nothing was
tuned on it.

Taught in: book/reference/newsroom
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from companion.corpora.records import Sentence
    from companion.corpora.texts import Text, TextCorpus

NAME = "corpus-baselines"
SEEDS = (0, 1, 2, 3, 4)
TARGETS = ("newsroom-entities", "newsroom-sentiment", "helpdesk-intents")
OUT_OF_SCOPE = "out_of_scope"
EPOCHS = {"newsroom-entities": 10, "newsroom-sentiment": 4, "helpdesk-intents": 8}
"""Chosen on dev: in the default four epochs these small corpora give too few updates for names and for 31 labels."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile leaves the fine-tuned encoder at 20 updates of one seed."""
    full = profile == "full"
    cells: list[dict[str, str | int]] = [
        {"target": "newsroom-entities", "system": "gazetteer", "seed": 0},
        *(
            {"target": target, "system": system, "seed": 0}
            for target in TARGETS[1:]
            for system in ("majority", "tfidf")
        ),
        *(
            {"target": target, "system": "encoder", "seed": seed}
            for seed in (SEEDS if full else SEEDS[:1])
            for target in TARGETS
        ),
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, target: str, system: str, seed: int, full: bool) -> dict[str, Any]:
    """One system on one target."""
    from companion.corpora.catalog import load_corpus
    from companion.training.config import TrainConfig

    config = TrainConfig(seed=seed, epochs=EPOCHS[target], max_updates=None if full else 20)
    if target == "newsroom-entities":
        corpus = load_corpus("newsroom")
        return _gazetteer(corpus) if system == "gazetteer" else _tagger(corpus, config)
    texts = load_corpus("helpdesk") if target == "helpdesk-intents" else load_corpus("newsroom").texts("sentiment")
    return _classifier(texts, config) if system == "encoder" else _classical(texts, system)


def names_of_train(sentences: Sequence[Sentence]) -> dict[tuple[str, ...], str]:
    """Each surface form of train with the type it has most often: the gazetteer of the baseline."""
    seen: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for entity in sentence.entities():
            seen[sentence.words[entity.start : entity.end]][entity.type] += 1
    return {surface: min(kinds, key=lambda kind: (-kinds[kind], kind)) for surface, kinds in seen.items()}


def look_up(words: Sequence[str], names: dict[tuple[str, ...], str]) -> list[str]:
    """Tags by longest match from left to right."""
    longest = max(map(len, names), default=0)
    tags, position = ["O"] * len(words), 0
    while position < len(words):
        for size in range(min(longest, len(words) - position), 0, -1):
            kind = names.get(tuple(words[position : position + size]))
            if kind is not None:
                tags[position : position + size] = [f"B-{kind}", *[f"I-{kind}"] * (size - 1)]
                break
        else:
            size = 1
        position += size
    return tags


def _gazetteer(corpus: Any) -> dict[str, Any]:
    from companion.evaluation.entities import score_entities, surface_forms

    names = names_of_train(corpus.train)
    report = score_entities(
        [sentence.tags for sentence in corpus.test],
        [look_up(sentence.words, names) for sentence in corpus.test],
        words=[sentence.words for sentence in corpus.test],
        seen_surfaces=surface_forms(corpus.train),
    )
    return report.to_dict()


def _tagger(corpus: Any, config: Any) -> dict[str, Any]:
    from companion.recipes.supervised import fine_tune

    tuned = fine_tune(corpus, config, say=lambda line: None)
    return {
        **tuned.evaluate("test").to_dict(),
        "dev_entity_f1": tuned.run.best_value,
        "steps": tuned.run.steps,
        "precision_of_arithmetic": tuned.run.config.precision,
    }


def _classifier(corpus: TextCorpus, config: Any) -> dict[str, Any]:
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import Full
    from companion.models.encoder import load_encoder
    from companion.tasks.texts import TextTask
    from companion.training.loop import train

    task = TextTask(corpus.labels, load_encoder())
    run = train(
        adapt(task.model(seed=config.seed), Full()),
        task.batches(corpus.train),
        task.objective,
        config,
        evaluate=task.evaluator(corpus.dev),
        say=lambda line: None,
    )
    predicted = [answer.label for answer in task.predict(run.model, corpus.test)]
    return {
        **_scores(corpus.test, predicted),
        "dev": run.best_value,
        "steps": run.steps,
        "precision_of_arithmetic": run.config.precision,
    }


def _classical(corpus: TextCorpus, system: str) -> dict[str, Any]:
    labels = [text.label for text in corpus.train]
    if system == "majority":
        most = Counter(labels).most_common(1)[0][0]
        return _scores(corpus.test, [most] * len(corpus.test))
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0, max_iter=2000)
    )
    model.fit([text.text for text in corpus.train], labels)
    return _scores(corpus.test, list(model.predict([text.text for text in corpus.test])))


def _scores(texts: Sequence[Text], predicted: Sequence[str]) -> dict[str, Any]:
    from companion.evaluation.classification import score_labels

    report = score_labels([text.label for text in texts], predicted)
    result: dict[str, Any] = report.to_dict()
    inside = [(text.label, guess) for text, guess in zip(texts, predicted, strict=True) if text.label != OUT_OF_SCOPE]
    if len(inside) < len(texts):
        outside = [guess for text, guess in zip(texts, predicted, strict=True) if text.label == OUT_OF_SCOPE]
        result["in_scope_accuracy"] = sum(gold == guess for gold, guess in inside) / len(inside)
        result["out_of_scope_recall"] = sum(guess == OUT_OF_SCOPE for guess in outside) / len(outside)
    return result
