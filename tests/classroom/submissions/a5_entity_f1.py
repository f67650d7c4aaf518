"""Entities, scores and intervals, gone wrong."""

from tests.classroom.submissions import Submission

LAST_LOST = """
def entities(tags):
    found, start, kind = [], None, None
    for position, tag in enumerate(tags):
        if start is not None and tag != f"I-{kind}":
            found.append([kind, start, position])
            start = None
        if tag.startswith("B-"):
            start, kind = position, tag[2:]
    return found
"""
LENIENT = """
def entities(tags):
    found, start, kind = [], None, None
    for position, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{kind}":
            found.append([kind, start, position])
            start = None
        if tag != "O" and start is None:
            start, kind = position, tag[2:]
    return found
"""
ENDS_INSIDE = """
def entities(tags):
    found, start, kind = [], None, None
    for position, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{kind}":
            found.append([kind, start, position - 1])
            start = None
        if tag.startswith("B-"):
            start, kind = position, tag[2:]
    return found
"""
KIND_IGNORED = """
def entities(tags):
    found, open_ = [], False
    for position, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append([tag[2:], position, position + 1])
            open_ = True
        elif tag.startswith("I-") and open_:
            found[-1][2] = position + 1
        else:
            open_ = False
    return found
"""
POURED = """
def score(gold, predicted):
    g = {tuple(entity) for sentence in gold for entity in sentence}
    p = {tuple(entity) for sentence in predicted for entity in sentence}
    precision = len(g & p) / len(p) if p else 0.0
    recall = len(g & p) / len(g) if g else 0.0
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}
"""
EXCHANGED = """
def score(gold, predicted):
    right = sum(entity in p for g, p in zip(gold, predicted) for entity in g)
    precision = right / max(1, sum(map(len, gold)))
    recall = right / max(1, sum(map(len, predicted)))
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}
"""
DIVIDES = """
def score(gold, predicted):
    right = sum(entity in p for g, p in zip(gold, predicted) for entity in g)
    precision = right / sum(map(len, predicted))
    recall = right / sum(map(len, gold))
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
"""
PLACES_ONLY = """
def score(gold, predicted):
    right = sum(entity[1:] in [one[1:] for one in p] for g, p in zip(gold, predicted) for entity in g)
    precision = right / max(1, sum(map(len, predicted)))
    recall = right / max(1, sum(map(len, gold)))
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}
"""
F1_OF_MEANS = """
def score(gold, predicted):
    kinds = {e[0] for part in (gold, predicted) for sentence in part for e in sentence}
    if not kinds:
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    precision = recall = 0.0
    for kind in kinds:
        g = {(n, *e) for n, s in enumerate(gold) for e in s if e[0] == kind}
        p = {(n, *e) for n, s in enumerate(predicted) for e in s if e[0] == kind}
        precision += len(g & p) / len(p) / len(kinds) if p else 0.0
        recall += len(g & p) / len(g) / len(kinds) if g else 0.0
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}
"""
ONE_F1 = """
import math

def f1(right, predicted, gold):
    precision, recall = right / predicted if predicted else 0.0, right / gold if gold else 0.0
    return 2 * precision * recall / (precision + recall) if right else 0.0
"""
NO_DOUBLES = (
    ONE_F1
    + """
def interval(counts, draws):
    values = sorted(f1(*(sum(counts[row][k] for row in set(rows)) for k in range(3))) for rows in draws)
    cut = math.floor(0.025 * len(values))
    return [values[cut], values[-1 - cut]]
"""
)
MEAN_OF_SENTENCES = (
    ONE_F1
    + """
def interval(counts, draws):
    values = sorted(sum(f1(*counts[row]) for row in rows) / len(rows) for rows in draws)
    cut = math.floor(0.025 * len(values))
    return [values[cut], values[-1 - cut]]
"""
)
DIVIDED_BY_B = (
    ONE_F1
    + """
from statistics import pstdev

def interval(counts, draws):
    def of(rows):
        return f1(*(sum(counts[row][k] for row in rows) for k in range(3)))

    spread, whole = 1.96 * pstdev([of(rows) for rows in draws]), of(range(len(counts)))
    return [whole - spread, whole + spread]
"""
)

SUBMISSIONS = [
    Submission(
        name="the last entity is lost",
        replaces={"entities": LAST_LOST},
        points={"entities": 0},
        message="behind the last word nothing does",
    ),
    Submission(
        name="lenient where strict is asked for",
        replaces={"entities": LENIENT},
        points={"entities": 2},
        message="This answers another form of the task (`iob2-lenient`)",
    ),
    Submission(
        name="strict where BIOES is asked for",
        replaces={"entities": KIND_IGNORED},
        points={"entities": 0},
        message="expected",
        variants={"entities": "bioes-strict"},
    ),
    Submission(
        name="ends inside",
        replaces={"entities": ENDS_INSIDE},
        points={"entities": 0},
        message="Your ends are the positions",
    ),
    Submission(
        name="the kind is not looked at",
        replaces={"entities": KIND_IGNORED},
        points={"entities": 6},
        message="`I-LOC` behind a person is no part of that person.",
    ),
    Submission(
        name="sentences poured together",
        replaces={"score": POURED},
        points={"score": 2},
        message="Keep the number of the sentence with each entity.",
    ),
    Submission(
        name="precision and recall exchanged",
        replaces={"score": EXCHANGED},
        points={"score": 2},
        message="Precision and recall have changed places.",
    ),
    Submission(
        name="divided by nothing", replaces={"score": DIVIDES}, points={"score": 7}, message="ZeroDivisionError"
    ),
    Submission(
        name="places only",
        replaces={"score": PLACES_ONLY},
        points={"score": 7},
        message="A town that was called a person is not right.",
    ),
    Submission(
        name="the F1 of the means",
        replaces={"score": F1_OF_MEANS},
        points={"score": 2},
        message="Your F1 is made from the averaged precision and recall.",
        variants={"score": "macro"},
    ),
    Submission(
        name="doubles are thrown away",
        replaces={"interval": NO_DOUBLES},
        points={"interval": 4},
        message="Drawing with replacement is what makes the draws differ",
    ),
    Submission(
        name="the mean of the sentences' F1",
        replaces={"interval": MEAN_OF_SENTENCES},
        points={"interval": 0},
        message="Entity F1 is made from counts that are summed first",
    ),
    Submission(
        name="divided by B",
        replaces={"interval": DIVIDED_BY_B},
        points={"interval": 2},
        message="The statement asks for B − 1.",
        variants={"interval": "normal"},
    ),
]
