"""Sentences and corpora: what they promise."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import companion.corpora
from companion.corpora.records import Corpus, Sentence
from companion.errors import DataError

SENTENCE = Sentence(
    words=("Ada", "Berg", "left"), tags=("B-PER", "I-PER", "O"), source="a.conll:1", meta={"topic": "x"}
)


def test_a_sentence_knows_its_entities_and_their_surface() -> None:
    (entity,) = SENTENCE.entities()
    assert entity == (0, 2, "PER")
    assert SENTENCE.surface(entity) == "Ada Berg"


def test_a_sentence_travels_between_processes_and_into_sets() -> None:
    assert pickle.loads(pickle.dumps(SENTENCE)) == SENTENCE
    assert len({SENTENCE, pickle.loads(pickle.dumps(SENTENCE))}) == 1


@pytest.mark.parametrize(
    ("words", "tags", "problem"),
    [
        ((), (), "no words"),
        (("a", "b"), ("O",), "2 words but 1 tags"),
        (("a", ""), ("O", "O"), "word 2 is ''"),
        (("a", 7), ("O", "O"), "word 2 is 7"),
    ],
)
def test_a_sentence_that_cannot_be_is_refused(words, tags, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        Sentence(words=words, tags=tags, source="a.conll:3")
    assert "a.conll:3" in str(caught.value)


def test_labels_are_in_a_fixed_order() -> None:
    corpus = Corpus(name="x", train=(SENTENCE,), types=("LOC", "PER"))
    assert corpus.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert Corpus(name="x", train=(SENTENCE,)).labels == ("O",)
    assert list(corpus.splits) == ["train"]


def test_importing_the_package_loads_no_heavy_library() -> None:
    folder = Path(companion.corpora.__file__).parent
    modules = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    imports = "; ".join(f"import companion.corpora.{module}" for module in modules)
    code = f"{imports}; import sys; print(*sorted({{'torch', 'transformers', 'datasets', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(modules) > 15
    assert done.stdout.strip() == ""


def test_public_names_are_found_where_the_package_says() -> None:
    names = [name for name in dir(companion.corpora) if not name.startswith("_")]
    assert len(names) >= 15
    for name in names:
        assert getattr(companion.corpora, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_like_it"):
        companion.corpora.nothing_like_it  # noqa: B018


def test_a_corpus_is_shown_in_one_line_and_refuses_other_rows() -> None:
    corpus = Corpus(name="mine", train=[SENTENCE], types=("PER",))
    assert repr(corpus) == "Corpus('mine', train=1 rows, labels: O, B-PER, I-PER)"
    with pytest.raises(DataError, match="mine: dev holds a tuple, not a Sentence in every row"):
        Corpus(name="mine", train=[SENTENCE], dev=[(("Ada",), ("O",))])  # type: ignore[list-item]
