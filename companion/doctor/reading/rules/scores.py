"""Rules about scores: padding that is scored, and means of means."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from companion.doctor.findings import ERROR, NOTE
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.rules.labels import PADDING
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import FUNCTIONS, constant, dotted, keyword, last, mentions, names_in, written
from companion.encoding.contract import IGNORE_INDEX

SKLEARN = frozenset(
    [
        "accuracy_score",
        "precision_score",
        "recall_score",
        "f1_score",
        "classification_report",
        "precision_recall_fscore_support",
        "confusion_matrix",
    ]
)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
KEEPS = ("mask", "active", "valid", "ignore", "pad", "special", "keep", "word_id")


def padding_scored(script: Script) -> Outcome:
    """Look whether the tags that are scored are chosen among all positions of a row."""
    scored = _scored(script)
    if not script.tags_words and not _over_positions(script):
        raise CannotCheck("no tags of words are scored in the text")
    kept = next((node for node in _around_scores(script, scored) if _chooses(script, node)), None)
    if kept is not None:
        return f"positions are chosen before they are scored ({script.source.said(kept)})"
    if not _over_positions(script):
        raise CannotCheck("the text does not say over which positions the score goes")
    filled = _has_findings(script)
    if not filled and not any(_says(node) for node in script.nodes):
        raise CannotCheck("the text does not say what stands at padding")
    told = (
        "padding carries a class, so every padded position of class O that is left at O counts as right"
        if filled
        else f"{IGNORE_INDEX} counts as one more class that nobody can predict"
    )
    return [
        SCORED.finding(
            script,
            scored[0],
            ERROR,
            f"`{written(scored[0])}` scores every position of the rows; {told}. On a padded grid a model that always "
            "says O gets most of them.",
            "Score entities, on words only: choose the positions whose label is not -100, and turn them into tags.",
        )
    ]


def trimming(script: Script) -> Outcome:
    """Look for predictions that are cut to the length of labels which are as long as the predictions."""
    cuts = list(_cuts(script))
    if not cuts:
        raise CannotCheck("no prediction is cut to the length of its labels")
    if not _has_findings(script):
        return (
            f"predictions are cut to their labels ({script.source.said(cuts[0])}), which are not filled up with a class"
        )
    return [
        TRIMMING.finding(
            script,
            cuts[0],
            ERROR,
            f"`{written(cuts[0])}` is meant to cut padding off and cuts nothing: the labels were filled up to the same "
            "length as the predictions.",
            "Choose positions by their label (not -100) or by the attention mask, never by length.",
        )
    ]


def mean_of_means(script: Script) -> Outcome:
    """Look for means of batches that are added up and divided by the number of batches."""
    sums = {
        dotted(node.target): node
        for node in script.nodes
        if isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Add)
        and mentions(node.value, "loss", "acc", "f1")
    }
    weighted = {
        name
        for name, node in sums.items()
        if any(isinstance(p, ast.Mult) for p in ast.walk(node.value)) or _sums(script)
    }
    for node in script.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and dotted(node.left) in sums:
            name = dotted(node.left)
            by = node.right
            if name in weighted or not (isinstance(by, ast.Call) and last(by.func) == "len" and by.args):
                continue
            if not mentions(by.args[0], "load", "batch", "dl", "iter"):
                continue
            return [
                MEANS.finding(
                    script,
                    node,
                    NOTE,
                    f"`{written(node)}` is a mean of batch means: the last, shorter batch weighs as much as a full "
                    "one, and with labels on words every batch has another number of them.",
                    "Add up sums and counts, and divide once.",
                )
            ]
    if not sums:
        raise CannotCheck("no loss or score is added up over batches")
    return "sums over batches are not divided by the number of batches"


def _scored(script: Script) -> list[ast.Call]:
    found = [call for call in script.calls if last(call.func) in SKLEARN or last(call.func) == "compute"]
    return found or [node for node in script.nodes if _over(node)]


def _around_scores(script: Script, scored: list[ast.AST]) -> list[ast.AST]:
    """What is reached from where the best class is taken and where it is scored; the module's own lines as one."""
    homes = {script.function_of(node) for node in (*scored, *(node for node in script.nodes if _over(node)))}
    found = []
    for home in homes:
        tops = [home] if home is not None else [one for one in script.tree.body if not isinstance(one, DEFINITIONS)]
        found += [node for top in tops for node in script.reach(top)]
    return sorted(found, key=lambda node: getattr(node, "lineno", 0))


def _over_positions(script: Script) -> bool:
    """Whether the best class is taken at every position of rows."""
    return any(_over(node) for node in script.nodes) and bool(_scored(script))


def _over(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or last(node.func) != "argmax":
        return False
    axis = keyword(node, "dim", "axis") or (node.args[-1] if node.args else None)
    return constant(axis) == 2


def _chooses(script: Script, node: ast.AST) -> bool:
    """Whether a node chooses positions: compares with -100, or takes those of a mask."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(script.value_of(side) == IGNORE_INDEX for side in sides) or mentions(node, *KEEPS)
    if isinstance(node, ast.Subscript):
        return any(part in name for name in names_in(node.slice) for part in KEEPS)
    if isinstance(node, ast.Call):
        return last(node.func) in ("masked_select", "word_ids", "nonzero", "where") or last(node.func).startswith(
            "align"
        )
    if isinstance(node, ast.If | ast.IfExp | ast.comprehension):
        tests = node.ifs if isinstance(node, ast.comprehension) else [node.test]
        return any(mentions(test, *KEEPS) for test in tests)
    return False


def _has_findings(script: Script) -> bool:
    """Whether labels are filled up with a class, by the rule that says so."""
    try:
        return not isinstance(PADDING.examine(script), str)
    except CannotCheck:
        return False


def _says(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and constant(node) == IGNORE_INDEX


def _cuts(script: Script) -> Iterator[ast.AST]:
    for node in script.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and mentions(node.value, "pred"):
            upper = node.slice.upper
            if isinstance(upper, ast.Call) and last(upper.func) == "len" and mentions(upper, "label", "tag", "gold"):
                yield node


def _sums(script: Script) -> bool:
    return any(script.value_of(keyword(call, "reduction")) == "sum" for call in script.calls)


SCORED = Rule(
    name="do-nothing baselines",
    question="Is padding scored?",
    proves="that no position is left out between the best class and the score",
    page="book/walkthroughs/train-a-tagger#always-o-read",
    examine=padding_scored,
)
TRIMMING = Rule(
    name="trimming",
    question="Does cutting predictions to their labels cut anything?",
    proves="that the labels were filled up to the length of the predictions",
    page="book/walkthroughs/labels-meet-word-pieces#padding-intro",
    examine=trimming,
)
MEANS = Rule(
    name="mean of means",
    question="Are batch means averaged as if all batches were equal?",
    proves="that a sum of means is divided by the number of batches",
    page="book/walkthroughs/the-production-training-loop#split-gap",
    examine=mean_of_means,
)
RULES = (SCORED, TRIMMING, MEANS)
