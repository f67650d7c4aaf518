"""Every mutant can still be made; one of them is run, all of them by `make torture`."""

from __future__ import annotations

import ast

import pytest

from tests.faults.mutants import MUTANTS, ROOT, copy_package, is_killed, mutate, run_tests


def test_every_mutant_changes_the_source_as_it_is():
    for name, mutant in MUTANTS.items():
        assert mutate(name, ROOT) != (ROOT / mutant.file).read_text("utf-8")
    assert len(MUTANTS) == 15


def test_every_named_test_is_there():
    named = [test for mutant in MUTANTS.values() for test in mutant.tests]
    for test in named:
        file, _, function = test.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert not function or function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test
    assert len(named) >= len(MUTANTS)


def test_a_mutant_that_lost_its_text_says_so(tmp_path):
    (tmp_path / "companion" / "corpora").mkdir(parents=True)
    (tmp_path / "companion" / "corpora" / "conll.py").write_text("nothing\n")
    with pytest.raises(ValueError, match="stands 0 times"):
        mutate("columns cut to the shortest row", tmp_path)


@pytest.mark.slow
def test_a_mutant_is_killed_and_the_copy_without_it_is_not(tmp_path):
    copy_package(tmp_path)
    name = "columns cut to the shortest row"
    assert run_tests(tmp_path, MUTANTS[name].tests)[0] == 0
    assert is_killed(name, tmp_path)[0]
    assert run_tests(tmp_path, ("tests/nowhere.py",))[0] not in {0, 1}, "what cannot run is no kill"
