import sys
import textwrap

import nbformat
import pytest

from companion.errors import ConfigError
from companion.teaching import solutions
from companion.teaching.solutions import find_exercises, main, run_solutions, warm_interpreter

SETUP = """\
import sys
if "google.colab" in sys.modules:
    %pip install something
from companion import teaching
"""
STARTER = """\
def mean(values):
    ...

teaching.check("Mean", [("the mean of 2 and 4 is 3", lambda: mean([2, 4]) == 3)])
"""
SOLUTION = """\
Some words first.

<details><summary>Solution</summary>

```python
def mean(values):
    return total(values) / len(values)
```

</details>
"""
SUPPORT = "def total(values):\n    return sum(values)"


def notebook(path, *cells):
    """Write a notebook; a cell is Markdown text, or (code, *tags)."""
    made = []
    for number, cell in enumerate(cells):
        if isinstance(cell, str):
            made.append(nbformat.v4.new_markdown_cell(cell, id=f"cell-{number}"))
        else:
            made.append(nbformat.v4.new_code_cell(cell[0], metadata={"tags": list(cell[1:])}, id=f"cell-{number}"))
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def chapter(path, *, starter=STARTER, solution=SOLUTION, support_tag="exercise-setup"):
    return notebook(
        path,
        "# Chapter",
        (SETUP, "setup"),
        ("raise RuntimeError('a training run of a minute')",),
        (SUPPORT, support_tag),
        "## Exercise 1",
        (starter, "starter", "exercise-1"),
        solution,
        ("after = 1",),
    )


def test_starter_and_solution_are_proved_without_running_the_rest(tmp_path):
    (proof,) = run_solutions(chapter(tmp_path / "n.ipynb"))
    assert proof.name == "exercise-1"
    assert proof.starter_said == "not yet: the mean of 2 and 4 is 3"
    assert proof.solution_said == "done: Mean (its test passes)"
    assert proof.holds


def test_exercises_do_not_see_each_other(tmp_path):
    second = STARTER.replace("def mean(values):\n    ...\n", "").replace("Mean", "Again")
    path = notebook(
        tmp_path / "n.ipynb",
        (SETUP, "setup"),
        (SUPPORT, "exercise-setup"),
        (STARTER, "starter", "exercise-1"),
        SOLUTION,
        (second, "starter", "exercise-2"),
        SOLUTION,
    )
    proofs = run_solutions(path)
    assert [proof.holds for proof in proofs] == [True, True]
    assert proofs[1].starter_said.startswith("not yet: the mean of 2 and 4 is 3 (NameError")


def test_classes_of_a_notebook_find_each_other(tmp_path):
    support = textwrap.dedent(
        """
        import pickle
        from dataclasses import dataclass

        @dataclass
        class Box:
            value: "int"
            __test__ = False

        copied = pickle.loads(pickle.dumps(Box(1)))
        """
    )
    starter = 'answer = 0\nteaching.check("Box", [("one", lambda: copied == Box(answer))])'
    path = notebook(
        tmp_path / "n.ipynb",
        (SETUP, "setup"),
        (support, "exercise-setup"),
        (starter, "starter", "exercise-1"),
        "<details>\n\n```python\nanswer = 1\n```\n</details>",
    )
    assert [proof.holds for proof in run_solutions(path)] == [True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"solution": SOLUTION.replace("/ len(values)", "")}, "not yet: the mean of 2 and 4 is 3"),
        ({"solution": SOLUTION.replace("total(values)", "1 / 0")}, "not yet: the mean of 2 and 4 is 3 (ZeroDivision"),
        ({"solution": SOLUTION.replace("def mean", "def median")}, "not yet: the mean of 2 and 4 is 3"),
        (
            {"solution": SOLUTION.replace("def mean(values):", "raise ValueError('no')\ndef mean(values):")},
            "raised ValueError",
        ),
        ({"support_tag": "plot"}, "not yet: the mean of 2 and 4 is 3 (NameError: name 'total'"),
    ],
)
def test_a_solution_that_does_not_solve_is_caught(tmp_path, changes, said):
    (proof,) = run_solutions(chapter(tmp_path / "n.ipynb", **changes))
    assert proof.solution_said.startswith(said)
    assert not proof.holds


def test_a_starter_that_is_done_already_is_caught(tmp_path):
    finished = STARTER.replace("...", "return sum(values) / len(values)")
    (proof,) = run_solutions(chapter(tmp_path / "n.ipynb", starter=finished))
    assert proof.starter_said.startswith("done: ")
    assert not proof.holds


def test_a_starter_that_raises_is_caught(tmp_path):
    (proof,) = run_solutions(chapter(tmp_path / "n.ipynb", starter="1 / 0\n" + STARTER))
    assert proof.starter_said == "raised ZeroDivisionError: division by zero"
    assert not proof.holds


@pytest.mark.parametrize(
    ("starter", "tags", "solution", "told"),
    [
        (STARTER, ("starter",), SOLUTION, "one tag of its own"),
        (STARTER, ("starter", "exercise-setup"), SOLUTION, "one tag of its own"),
        (STARTER, ("starter", "exercise-1", "exercise-2"), SOLUTION, "one tag of its own"),
        ("def mean(values):\n    ...", ("starter", "exercise-1"), SOLUTION, "calls no check"),
        ("def mean(:", ("starter", "exercise-1"), SOLUTION, "does not parse"),
        (STARTER, ("starter", "exercise-1"), "no solution", "0 python blocks"),
        (STARTER, ("starter", "exercise-1"), "```python\nx = 1\n```", "0 python blocks"),
        (STARTER, ("starter", "exercise-1"), SOLUTION.replace("```python", "```"), "0 python blocks"),
        (
            STARTER,
            ("starter", "exercise-1"),
            SOLUTION.replace("</details>", "```python\nx = 1\n```\n</details>"),
            "2 python",
        ),
    ],
)
def test_an_exercise_against_the_rules_is_named(tmp_path, starter, tags, solution, told):
    path = notebook(tmp_path / "n.ipynb", (SETUP, "setup"), (starter, *tags), solution)
    with pytest.raises(ConfigError, match=told) as caught:
        find_exercises(path)
    assert caught.value.problem.startswith("starter in cell 1: ")
    assert caught.value.file == str(path)


def test_two_exercises_need_two_names(tmp_path):
    path = notebook(tmp_path / "n.ipynb", *[(STARTER, "starter", "exercise-1"), SOLUTION] * 2)
    with pytest.raises(ConfigError, match="one tag of its own"):
        find_exercises(path)


def test_a_solution_after_the_next_starter_does_not_count(tmp_path):
    path = notebook(
        tmp_path / "n.ipynb", (STARTER, "starter", "exercise-1"), (STARTER, "starter", "exercise-2"), SOLUTION
    )
    with pytest.raises(ConfigError, match="0 python blocks"):
        find_exercises(path)


def test_failing_setup_and_endless_exercises_are_told(tmp_path):
    path = notebook(tmp_path / "n.ipynb", ("1 / 0", "setup"), (STARTER, "starter", "exercise-1"), SOLUTION)
    with pytest.raises(ConfigError, match="setup cells fail: ZeroDivisionError"):
        run_solutions(path)
    path = notebook(tmp_path / "n.ipynb", ("while True: pass", "setup"), (STARTER, "starter", "exercise-1"), SOLUTION)
    with pytest.raises(ConfigError, match="longer than 1 s"):
        run_solutions(path, timeout=1)
    with pytest.raises(ConfigError, match="no cell tagged starter"):
        run_solutions(notebook(tmp_path / "empty.ipynb", "# Nothing"))


FORKS = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks are safe on Linux only")
ALONE = """\
import os, sys
from pathlib import Path

place, path, first = Path.cwd(), sys.path[0], not hasattr(os, "visited")
os.visited = True
os.environ["VISITED"] = "yes"
"""
FOUND = """\
ready = False
teaching.check("Alone", [("first", lambda: first), ("there", lambda: place.name == "there"),
                         ("its folder is on the path", lambda: path == str(place)),
                         ("main", lambda: sys.modules["__main__"].ALONE), ("ready", lambda: ready)])
"""


@FORKS
def test_a_fork_of_a_warm_interpreter_is_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(solutions, "PRELOADED", ("nothing.of.this.name", "companion.teaching"))
    (tmp_path / "there").mkdir()
    path = notebook(
        tmp_path / "there" / "n.ipynb",
        (SETUP, "setup"),
        (ALONE + "ALONE = True", "exercise-setup"),
        (FOUND, "starter", "exercise-1"),
        "<details>\n\n```python\nready = True\n```\n</details>",
    )
    good = chapter(tmp_path / "good.ipynb")
    failing = notebook(tmp_path / "a.ipynb", ("1 / 0", "setup"), (STARTER, "starter", "exercise-1"), SOLUTION)
    endless = notebook(
        tmp_path / "b.ipynb", ("while True: pass", "setup"), (STARTER, "starter", "exercise-1"), SOLUTION
    )
    with warm_interpreter() as warm:
        for _ in range(2):
            (proof,) = run_solutions(path, warm=warm)
            assert (proof.starter_said, proof.solution_said) == ("not yet: ready", "done: Alone (all 5 tests pass)")
        with pytest.raises(ConfigError, match="setup cells fail: ZeroDivisionError"):
            run_solutions(failing, warm=warm)
        with pytest.raises(ConfigError, match="longer than 1 s"):
            run_solutions(endless, warm=warm, timeout=1)
        assert run_solutions(good, warm=warm) == run_solutions(good)
    assert warm.returncode == 0


@FORKS
def test_a_warm_interpreter_that_has_ended_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(solutions, "PRELOADED", ("companion",))
    with warm_interpreter() as warm:
        warm.kill()
        warm.wait()
        with pytest.raises(ConfigError, match="the warm interpreter has ended"):
            run_solutions(chapter(tmp_path / "n.ipynb"), warm=warm)


def test_where_forks_are_not_safe_each_notebook_starts_anew(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with warm_interpreter() as warm:
        assert warm is None


def test_the_command_counts_what_it_ran(tmp_path, capsys):
    chapter(tmp_path / "good.ipynb")
    assert main([str(tmp_path)]) == 0
    assert "good.ipynb exercise-1: proved" in capsys.readouterr().out
    chapter(tmp_path / "spoilt.ipynb", solution=SOLUTION.replace("total(values)", "0"))
    notebook(tmp_path / "empty.ipynb", "# Nothing")
    assert main([str(tmp_path / "empty.ipynb")]) == 1
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "spoilt.ipynb exercise-1: FAILS\n  starter:  not yet: " in said
    assert "2 exercises run, 1 problems, 1 notebooks without exercises" in said
