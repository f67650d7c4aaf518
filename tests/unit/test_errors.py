"""Errors say where, what and how to put it right, and survive the way between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from companion import errors
from companion.errors import CompanionError, DataError, MissingDependencyError

KINDS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CompanionError)),
    key=lambda kind: kind.__name__,
)


def test_every_kind_is_a_companion_error():
    assert len(KINDS) >= 11
    assert all(kind.__doc__ for kind in KINDS)


def test_the_place_comes_first_and_the_remedy_last():
    error = DataError("3 columns, 2 expected", remedy="name the columns", file="train.conll", line=17)
    assert str(error) == "train.conll:17: 3 columns, 2 expected\n  → name the columns"
    assert (error.problem, error.remedy, error.file, error.line) == (
        "3 columns, 2 expected",
        "name the columns",
        "train.conll",
        17,
    )
    assert str(DataError("empty", file="a.csv")) == "a.csv: empty"
    assert str(DataError("empty")) == "empty"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying(kind):
    error = kind("broken", remedy="mend it", file="a.txt", line=3)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error) == "a.txt:3: broken\n  → mend it"
        assert (twin.problem, twin.remedy, twin.file, twin.line) == ("broken", "mend it", "a.txt", 3)


def test_a_missing_package_is_also_an_import_error():
    with pytest.raises(ImportError):
        raise MissingDependencyError("wandb is not installed", remedy="install the [tracking] extra")
