"""Rules about splits: what the test rows may not do."""

from __future__ import annotations

import ast
import itertools

from companion.doctor.findings import ERROR
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import dotted, has_unpacked, keyword, last, mentions, words_in, written

PAGE = "book/walkthroughs/honest-experiments"
HELD = ("dev", "val", "train")


def test_chooses(script: Script) -> Outcome:
    """Look whether the rows on which the best checkpoint or the moment to stop is chosen are the test rows."""
    found, looked = [], []
    kept = [call for call in script.calls if script.value_of(keyword(call, "load_best_model_at_end")) is True]
    stops = [call for call in script.calls if "EarlyStopping" in last(call.func)]
    for trainer in script.trainers:
        rows = keyword(trainer, "eval_dataset")
        if rows is None or not (kept or stops):
            continue
        looked.append(script.source.said(trainer))
        if _is_test(script, rows):
            how = "load_best_model_at_end=True" if kept else written(stops[0].func)
            found.append(
                CHOOSES.finding(
                    script,
                    trainer,
                    ERROR,
                    f"The test rows choose the checkpoint: eval_dataset={written(rows)} with {how}. What is chosen on "
                    "them is not measured on them.",
                    "Choose on dev rows, and score the test rows once, at the end.",
                )
            )
    for node in script.nodes:
        if not isinstance(node, ast.Compare) or len(node.comparators) != 1 or not _decides(script, node):
            continue
        sides = [node.left, node.comparators[0]]
        best = [side for side in sides if isinstance(side, ast.Name | ast.Attribute) and "best" in last(side).lower()]
        score = next((side for side in sides if not mentions(side, "best")), None)
        if score is None or not best:
            continue
        looked.append(script.source.said(node))
        made = [value for value in script.origins.get(dotted(score), ()) if isinstance(value, ast.Call)]
        by_test = [c for c in made if any(_is_test(script, a) for a in (*c.args, *(w.value for w in c.keywords)))]
        if (by_test and len(by_test) == len(made)) or _named_test(score):
            found.append(
                CHOOSES.finding(
                    script,
                    node,
                    ERROR,
                    f"`{written(node)}` chooses the best epoch by a score on the test rows. What is chosen on them is "
                    "not measured on them.",
                    "Choose on dev rows, and score the test rows once, at the end.",
                )
            )
    if not looked:
        if any(has_unpacked(call) for call in script.trainers):
            raise CannotCheck("the Trainer's arguments come out of a dictionary")
        raise CannotCheck("nothing in the text chooses a checkpoint or a moment to stop")
    return found or f"the choice is made on other rows than test ({looked[0]})"


def test_is_train(script: Script) -> Outcome:
    """Compare rows that are written out in the text for training and for testing."""
    train = _written_rows(script, "train")
    test = _written_rows(script, "test")
    if not train or not test:
        raise CannotCheck("no rows for training and testing are written out in the text")
    known = {ast.dump(row) for _, rows in train for row in rows.elts}
    for name, rows in test:
        shared = [row for row in rows.elts if ast.dump(row) in known]
        if shared:
            return [
                SAME.finding(
                    script,
                    rows,
                    ERROR,
                    f"{len(shared)} of {len(rows.elts)} rows of {name} are rows of training.",
                    "Hold rows out before anything is trained, and look at them once.",
                    shared=len(shared),
                    rows=len(rows.elts),
                )
            ]
    return "the rows written out for testing are not those for training"


def _decides(script: Script, node: ast.AST) -> bool:
    """Whether a comparison stands in the test of an `if`."""
    around = [node, *script.above(node)]
    return any(isinstance(up, ast.If | ast.IfExp) and below is up.test for below, up in itertools.pairwise(around))


def _is_test(script: Script, node: ast.AST) -> bool:
    """Whether rows are test rows: by their name, or by what the name was made of."""
    if _named_test(node):
        return True
    if isinstance(node, ast.Name):
        values = script.origins.get(node.id, [])
        return bool(values) and all(_named_test(value) for value in values) and not _is_part(node.id)
    return False


def _named_test(node: ast.AST) -> bool:
    words = words_in(node)
    return any("test" in word and "latest" not in word and "train_test" not in word for word in words) and not any(
        held in word for word in words for held in HELD
    )


def _is_part(name: str) -> bool:
    return any(held in name.lower() for held in HELD)


def _written_rows(script: Script, split: str) -> list[tuple[str, ast.List | ast.Tuple]]:
    return [
        (name, value)
        for name, values in script.origins.items()
        if split in name.lower() and "label" not in name.lower() and "tag" not in name.lower()
        for value in values
        if isinstance(value, ast.List | ast.Tuple) and value.elts and any(_is_row(row) for row in value.elts)
    ]


def _is_row(node: ast.AST) -> bool:
    """Whether an element is a sentence: a text, or a tuple or a dictionary with one."""
    texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return any(" " in part.value.strip() for part in texts)


CHOOSES = Rule(
    name="the test split chooses",
    question="Do the test rows choose a checkpoint?",
    proves="that the rows of the choice are called test",
    page=PAGE,
    examine=test_chooses,
)
SAME = Rule(
    name="test rows in train",
    question="Are rows written out for testing also trained on?",
    proves="that the same row stands in both lists",
    page=PAGE,
    examine=test_is_train,
)
RULES = (CHOOSES, SAME)
