import numpy as np
import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import check


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ([("so", lambda: True)], "done: title (its test passes)"),
        ([("so", lambda: 1), ("more", lambda: np.bool_(True))], "done: title (all 2 tests pass)"),
        ([("so", lambda: torch.tensor(True))], "done: title (its test passes)"),
        ([("so", lambda: False)], "not yet: so"),
        ([("so", lambda: None)], "not yet: so"),
        ([("so", lambda: True), ("`mean` of two", lambda: 0), ("x", lambda: 1)], "not yet: mean of two"),
        ([("so", lambda: raises(NotImplementedError()))], "not yet: so (not written yet)"),
        ([("so", lambda: 1 / 0)], "not yet: so (ZeroDivisionError: division by zero)"),
        ([("so", lambda: raises(AssertionError()))], "not yet: so (AssertionError)"),
        ([("so", lambda: torch.ones(2).all and torch.ones(2))], "not yet: so (RuntimeError: Boolean value of Tensor"),
        (
            [("so", lambda: raises(TypeError(f"no {object()}\nsecond line")))],
            "not yet: so (TypeError: no <object object at 0x…>)",
        ),
    ],
)
def test_a_check_says_one_line_and_never_raises(capsys, tests, said):
    assert check("title", tests) is None
    out = capsys.readouterr().out
    assert out.startswith(said)
    assert out.count("\n") == 1


def test_the_first_failure_ends_the_check(capsys):
    ran = []
    check("title", [("a", lambda: ran.append("a")), ("b", lambda: ran.append("b"))])
    assert ran == ["a"]
    assert capsys.readouterr().out == "not yet: a\n"


def test_open_and_done_look_different(heard, outline):
    check("title", [("so", lambda: False)])
    check("title", [("so", lambda: True)])
    waiting, done = (piece.html() for piece in heard)
    assert "not yet:" in outline(waiting).text
    assert "done:" in outline(done).text
    assert "ftc-waiting" in waiting
    assert "ftc-waiting" not in done


def test_stopping_by_hand_still_stops():
    with pytest.raises(KeyboardInterrupt):
        check("title", [("so", lambda: raises(KeyboardInterrupt()))])


@pytest.mark.parametrize("tests", [[], [("so", True)], [lambda: True], [(1, lambda: True)], [("a", len, "b")]])
def test_malformed_tests_are_the_authors_mistake(tests):
    with pytest.raises(ConfigError):
        check("title", tests)
