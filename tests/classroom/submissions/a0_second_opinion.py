"""Reviews, gone wrong."""

from tests.classroom.submissions import Submission

FROM_ZERO = """
def finding(check):
    return {"labels": 5, "padding": 7, "mean": 28, "choice": 32, "score": 11}.get(check, 0)
"""
EVERYTHING = """
LINES = {"labels": 6, "padding": 8, "mask": 24, "zero": 21, "order": 22, "mean": 29, "mode": 31, "choice": 33, "score":
12}

def finding(check):
    return LINES[check]
"""
NOTHING = """
def finding(check):
    return 0
"""
PADDING_MISSED = """
def finding(check):
    return {"labels": 6, "mean": 29, "choice": 33, "score": 12}.get(check, 0)
"""
CRIED_WOLF = """
def finding(check):
    return {"labels": 6, "padding": 8, "mean": 29, "choice": 33, "score": 12, "mode": 31}.get(check, 0)
"""
LAST_YEARS = """
def finding(check):
    return {"labels": 6, "padding": 8, "mean": 29, "choice": 33, "score": 12}.get(check, 0)
"""
FILLED = """
def always_outside(sentences, width):
    rows = [tags + ["O"] * (width - len(tags)) for tags in sentences]
    total = sum(map(len, rows))
    return sum(row.count("O") for row in rows) / total if total else 0.0
"""
WORDS = """
def always_outside(sentences, width):
    tags = [tag for sentence in sentences for tag in sentence]
    return tags.count("O") / len(tags) if tags else 0.0
"""
ERRORS = """
def always_outside(sentences, width):
    tags = [tag for sentence in sentences for tag in (sentence + ["O"] * width)[:width]]
    return 1 - tags.count("O") / len(tags) if tags else 1.0
"""
OUTSIDE_LEFT_OUT = """
def implied(rows):
    used = [row for row in rows if row[0] != "O"]
    total = sum(row[4] for row in used)
    return sum(row[2] * row[4] for row in used) / total if total else 0.0
"""
OUTSIDE_COUNTED = """
def implied(rows):
    used = [row for row in rows if row[4]]
    return sum(row[3] for row in used) / len(used) if used else 0.0
"""
PRECISION = """
def implied(rows):
    total = sum(row[4] for row in rows)
    return sum(row[1] * row[4] for row in rows) / total if total else 0.0
"""

SUBMISSIONS = [
    Submission(
        name="lines from 0", replaces={"finding": FROM_ZERO}, points={"finding": 0}, message="They are numbered from 1"
    ),
    Submission(
        name="objects to everything",
        replaces={"finding": EVERYTHING},
        points={"finding": 0},
        message="You blame a line that is right.",
    ),
    Submission(
        name="objects to nothing", replaces={"finding": NOTHING}, points={"finding": 0}, message="has passed for right"
    ),
    Submission(
        name="padding missed",
        replaces={"finding": PADDING_MISSED},
        points={"finding": 6},
        message="has passed for right",
    ),
    Submission(
        name="one objection too many",
        replaces={"finding": CRIED_WOLF},
        points={"finding": 6},
        message="You blame a line that is right.",
    ),
    Submission(
        name="last year's tutorial",
        replaces={"finding": LAST_YEARS},
        points={"finding": 0},
        message="This answers another form of the task (`the-short-one`)",
        variants={"finding": "the-careful-one"},
    ),
    Submission(
        name="filled up, not cut",
        replaces={"always_outside": FILLED},
        points={"always_outside": 5},
        message="A row has `width` positions, no more.",
    ),
    Submission(
        name="words, where positions are asked for",
        replaces={"always_outside": WORDS},
        points={"always_outside": 1},
        message="This answers another form of the task (`words`)",
    ),
    Submission(
        name="an error rate",
        replaces={"always_outside": ERRORS},
        points={"always_outside": 0},
        message="This is the share of words that it gets",
    ),
    Submission(
        name="outside left out of accuracy",
        replaces={"implied": OUTSIDE_LEFT_OUT},
        points={"implied": 2},
        message="Accuracy counts every word",
    ),
    Submission(
        name="outside counted in a mean without it",
        replaces={"implied": OUTSIDE_COUNTED},
        points={"implied": 2},
        message="It is the class that nobody looks for",
        variants={"implied": "macro"},
    ),
    Submission(
        name="precision for recall",
        replaces={"implied": PRECISION},
        points={"implied": 2},
        message="support times precision is nothing",
    ),
]
