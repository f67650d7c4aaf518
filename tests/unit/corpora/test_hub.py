"""`datasets` objects are viewed, not copied."""

from collections import Counter

import pytest

from companion.corpora.hub import DatasetView
from companion.corpora.records import Corpus
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

datasets = pytest.importorskip("datasets")

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def class_labels(rows: list[tuple[list[str], list[int]]]):
    sequence = getattr(datasets, "List", None) or datasets.Sequence
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": sequence(datasets.Value("string")),
            "ner_tags": sequence(datasets.ClassLabel(names=NAMES)),
        }
    )
    table = {"id": [], "tokens": [], "ner_tags": []}
    for number, (words, tags) in enumerate(rows):
        table["id"].append(str(number))
        table["tokens"].append(words)
        table["ner_tags"].append(tags)
    return datasets.Dataset.from_dict(table, features=features)


ROWS = [(["Ada", "Berg", "left"], [1, 2, 0]), ([], []), (["Oslo"], [3])]


def test_a_dataset_dict_becomes_a_corpus_of_views() -> None:
    data = datasets.DatasetDict({"train": class_labels(ROWS), "validation": class_labels(ROWS[2:])})
    corpus = Corpus.from_datasets(data, name="tiny")
    assert corpus.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert [sentence.tags for sentence in corpus.train] == [("B-PER", "I-PER", "O"), ("B-LOC",)]
    assert corpus.train[1].source == "tiny/train#2"
    assert corpus.train[-1] == corpus.dev[0].__class__(words=("Oslo",), tags=("B-LOC",), source="tiny/train#2")
    assert len(corpus.train) == 2
    assert corpus.test == ()
    assert isinstance(corpus.train, DatasetView)
    assert isinstance(corpus.train[:1], DatasetView)
    assert [sentence.words for sentence in corpus.train[:1]] == [("Ada", "Berg", "left")]
    assert corpus.report.skipped == {"rows without words": 1}
    assert corpus.report.counts["train"].entities == 2
    assert "tiny" in corpus.describe()


def test_rows_are_read_in_batches_and_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.corpora.hub.BATCH", 7)
    data = class_labels([([f"w{number}"], [3]) for number in range(50)])
    corpus = Corpus.from_datasets(data, split=False)
    assert [sentence.words[0] for sentence in corpus.train] == [f"w{number}" for number in range(50)]
    assert not any(isinstance(value, list) for value in vars(corpus.train).values())


def test_a_lone_split_is_divided_by_rule_without_copying() -> None:
    data = class_labels([([f"w{number}", "x"], [3, 0]) for number in range(200)])
    corpus = Corpus.from_datasets(data)
    words = Counter(sentence.words[0] for part in corpus.splits.values() for sentence in part)
    assert len(words) == 200
    assert set(words.values()) == {1}
    assert 140 <= len(corpus.train) <= 180
    assert corpus.report.counts["train"].sentences == len(corpus.train)
    assert "split by rule: 80/10/10" in corpus.report.notes[-1]


def test_text_labels_and_given_names() -> None:
    text = datasets.Dataset.from_dict({"words": [["EU", "x"]], "tags": [["I-ORG", "I-ORG"]]})
    corpus = Corpus.from_datasets(text, words="words", tags="tags", split=False)
    assert corpus.train[0].tags == ("B-ORG", "I-ORG")
    numbers = datasets.Dataset.from_dict({"tokens": [["EU"]], "ner_tags": [[1]]})
    assert Corpus.from_datasets(numbers, names=["O", "B-ORG"], split=False).train[0].tags == ("B-ORG",)
    with pytest.raises(DataError, match="1 is no label; the column names no labels"):
        Corpus.from_datasets(numbers)


def test_what_is_missing_is_named() -> None:
    data = class_labels(ROWS)
    with pytest.raises(DataError, match="no column 'words'; the data set has 'id', 'tokens', 'ner_tags'"):
        Corpus.from_datasets(data, words="words")
    with pytest.raises(DataError, match="no split 'train'; the data set has 'training'"):
        Corpus.from_datasets(datasets.DatasetDict({"training": data}))
    with pytest.raises(DataError, match="there is no sentence"):
        Corpus.from_datasets(data.select([1]))
    with pytest.raises(DataError, match="a stream has no length"):
        Corpus.from_datasets(data.to_iterable_dataset())


def test_rows_at_fault_are_named() -> None:
    with pytest.raises(DataError, match="tiny/train#1: the words") as caught:
        Corpus.from_datasets(class_labels([(["a"], [0]), (["a", "b"], [0])]), name="tiny")
    assert "one tag per word" in caught.value.remedy
    with pytest.raises(DataError, match="breaks IOB2") as caught:
        Corpus.from_datasets(class_labels([(["a"], [1]), (["b"], [0]), (["c"], [4])]), name="tiny")
    assert (caught.value.file, caught.value.line) == ("tiny/train", 2)


def test_repairs_are_counted_once_and_applied_whenever_a_row_is_read() -> None:
    data = class_labels([(["a"], [1]), (["c"], [4])])
    corpus = Corpus.from_datasets(data, invalid="repair", split=False)
    assert corpus.report.repairs == {"tag that breaks IOB2": 1}
    assert corpus.train[1].tags == ("B-LOC",)
    assert [sentence.tags for sentence in corpus.train] == [("B-PER",), ("B-LOC",)]
    assert corpus.report.repairs == {"tag that breaks IOB2": 1}


def labelled(texts: list[str], labels: list[object], feature: object = None):
    feature = feature or datasets.ClassLabel(names=["bad", "good"])
    features = datasets.Features({"text": datasets.Value("string"), "label": feature, "n": datasets.Value("int64")})
    return datasets.Dataset.from_dict({"text": texts, "label": labels, "n": [0] * len(texts)}, features=features)


def test_texts_of_a_dataset_dict_have_the_names_of_their_labels() -> None:
    data = datasets.DatasetDict({"train": labelled(["a", "b"], [1, 0]), "validation": labelled(["c"], [0])})
    corpus = TextCorpus.from_datasets(data, name="tiny", licence="CC0-1.0")
    assert [(row.text, row.label, row.source) for row in corpus.train] == [
        ("a", "good", "tiny/train#0"),
        ("b", "bad", "tiny/train#1"),
    ]
    assert corpus.dev[0].label == "bad" and corpus.test == () and corpus.licence == "CC0-1.0"
    lone = TextCorpus.from_datasets(labelled([f"text {number}" for number in range(100)], [0, 1] * 50))
    assert list(lone.splits) == ["train", "dev", "test"] and "split by rule: 80/10/10" in lone.notes[0]


def test_labels_of_texts_may_be_lists_numbers_and_text() -> None:
    sequence = getattr(datasets, "List", None) or datasets.Sequence
    several = labelled(["a", "b"], [[1, 0], []], sequence(datasets.ClassLabel(names=["bad", "good"])))
    assert [row.label for row in TextCorpus.from_datasets(several, split=False).train] == ["good|bad", "|"]
    numbers = labelled(["a"], [4.5], datasets.Value("float64"))
    assert TextCorpus.from_datasets(numbers, split=False).labels == ("4.5",)
    stars = labelled(["a"], [1], datasets.Value("int64"))
    assert TextCorpus.from_datasets(stars, split=False, names=["one", "two"]).labels == ("two",)


def test_what_a_text_corpus_cannot_view_is_named() -> None:
    with pytest.raises(DataError, match="datasets/train#1: label: -1 is no label; the labels have numbers below 2"):
        TextCorpus.from_datasets(labelled(["a", "b"], [1, -1]))
    with pytest.raises(DataError, match="datasets/train:1: the label is None"):
        TextCorpus.from_datasets(labelled(["a", "b"], [1, None]))
    with pytest.raises(DataError, match="no column 'review'; the data set has 'text'") as caught:
        TextCorpus.from_datasets(labelled(["a"], [1]), text="review")
    assert caught.value.remedy == "Name the columns with text= and label=."
    with pytest.raises(DataError, match="rows/dev: this is a Dataset"):
        TextCorpus.from_rows([("a", "x")], dev=labelled(["a"], [1]))
    for read in (Corpus.from_datasets, TextCorpus.from_datasets):
        with pytest.raises(DataError, match="datasets/train: a list is no Dataset") as caught:
            read([("a", "x")])
        assert "TextCorpus.from_rows" in caught.value.remedy
        with pytest.raises(DataError, match="no split 'train'"):
            read(datasets.DatasetDict({"unsupervised": labelled(["a"], [1])}))
