"""Losses and gradients, gone wrong."""

from tests.classroom.submissions import Submission

NAIVE = """
import math

def cross_entropy(logits, labels):
    losses = []
    for row, label in zip(logits, labels):
        if label != -100:
            powers = [math.exp(z) for z in row]
            losses.append(-math.log(powers[label] / sum(powers)))
    return sum(losses) / len(losses) if losses else 0.0
"""
WITH_A_FLOOR = """
import math

def cross_entropy(logits, labels):
    losses = []
    for row, label in zip(logits, labels):
        if label != -100:
            powers = [math.exp(z - max(row)) for z in row]
            losses.append(-math.log(max(powers[label] / sum(powers), 1e-12)))
    return sum(losses) / len(losses) if losses else 0.0
"""
STABLE = """
import math

def log_softmax(row):
    top = max(row)
    total = top + math.log(sum(math.exp(z - top) for z in row))
    return [z - total for z in row]
"""
DIVIDED_BY_ALL = (
    STABLE
    + """
def cross_entropy(logits, labels):
    total = sum(-log_softmax(row)[label] for row, label in zip(logits, labels) if label != -100)
    return total / len(labels) if labels else 0.0
"""
)
SUMMED = (
    STABLE
    + """
def cross_entropy(logits, labels):
    return float(sum(-log_softmax(row)[label] for row, label in zip(logits, labels) if label != -100))
"""
)
NOTHING_COUNTS = (
    STABLE
    + """
def cross_entropy(logits, labels):
    losses = [-log_softmax(row)[label] for row, label in zip(logits, labels) if label != -100]
    return sum(losses) / len(losses)
"""
)
SMOOTHED_FOR_OTHERS = (
    STABLE
    + """
def cross_entropy(logits, labels):
    losses = []
    for row, label in zip(logits, labels):
        if label != -100:
            logs = log_softmax(row)
            others = sum(logs) - logs[label]
            losses.append(-0.9 * logs[label] - 0.1 * others / (len(row) - 1))
    return sum(losses) / len(losses) if losses else 0.0
"""
)
SIGN = (
    STABLE
    + """
def gradient(logits, labels):
    counted = sum(label != -100 for label in labels)
    rows = []
    for row, label in zip(logits, labels):
        p = [math.exp(log) for log in log_softmax(row)]
        wanted = [float(k == label) for k in range(len(row))]
        rows.append([0.0] * len(row) if label == -100 else [(y - q) / counted for q, y in zip(p, wanted)])
    return rows
"""
)
NO_MEAN = (
    STABLE
    + """
def gradient(logits, labels):
    rows = []
    for row, label in zip(logits, labels):
        p = [math.exp(log) for log in log_softmax(row)]
        rows.append([0.0] * len(row) if label == -100 else [q - float(k == label) for k, q in enumerate(p)])
    return rows
"""
)
HALF_WAY = (
    STABLE
    + """
def gradient(logits, labels):
    counted = sum(label != -100 for label in labels)
    rows = []
    for row, label in zip(logits, labels):
        p = [math.exp(log) for log in log_softmax(row)]
        rows.append([-1 / q / counted if k == label else 0.0 for k, q in enumerate(p)])
    return rows
"""
)
NO_INNER_FACTOR = (
    STABLE
    + """
def gradient(logits, labels):
    counted = sum(label != -100 for label in labels)
    rows = []
    for row, label in zip(logits, labels):
        p = [math.exp(log) for log in log_softmax([z / 2 for z in row])]
        rows.append([0.0] * len(row) if label == -100 else [(q - (k == label)) / counted for k, q in enumerate(p)])
    return rows
"""
)
MEAN_OF_MEANS = """
def epoch_number(batches):
    return sum(loss for loss, tokens in batches) / len(batches) if batches else 0.0
"""
EXPONENTIAL_FIRST = """
import math

def epoch_number(batches):
    tokens = sum(count for _, count in batches)
    return sum(math.exp(loss) * count for loss, count in batches) / tokens if tokens else 0.0
"""

SUBMISSIONS = [
    Submission(
        name="powers that overflow",
        replaces={"cross_entropy": NAIVE},
        points={"cross_entropy": 6},
        message="OverflowError",
    ),
    Submission(
        name="a floor below the probabilities",
        replaces={"cross_entropy": WITH_A_FLOOR},
        points={"cross_entropy": 6},
        message="beyond the floor the loss stands still",
    ),
    Submission(
        name="divided by all positions",
        replaces={"cross_entropy": DIVIDED_BY_ALL},
        points={"cross_entropy": 7},
        message="then you divide by all of them",
    ),
    Submission(
        name="a sum for a mean",
        replaces={"cross_entropy": SUMMED},
        points={"cross_entropy": 2},
        message="the statement asks for their mean",
    ),
    Submission(
        name="a mean of nothing",
        replaces={"cross_entropy": NOTHING_COUNTS},
        points={"cross_entropy": 7},
        message="ZeroDivisionError",
    ),
    Submission(
        name="smoothing without the label",
        replaces={"cross_entropy": SMOOTHED_FOR_OTHERS},
        points={"cross_entropy": 2},
        message="You share the 0.1 among the other classes.",
        variants={"cross_entropy": "smoothed"},
    ),
    Submission(
        name="the plain loss, where the focal one is asked for",
        replaces={
            "cross_entropy": DIVIDED_BY_ALL.replace("len(labels) if", "max(1, sum(y != -100 for y in labels)) if")
        },
        points={"cross_entropy": 2},
        message="This answers another form of the task (`plain`)",
        variants={"cross_entropy": "focal"},
    ),
    Submission(
        name="wanted minus predicted", replaces={"gradient": SIGN}, points={"gradient": 2}, message="would climb"
    ),
    Submission(
        name="the gradient of a sum",
        replaces={"gradient": NO_MEAN},
        points={"gradient": 2},
        message="This is the gradient of the sum.",
    ),
    Submission(
        name="half the chain rule",
        replaces={"gradient": HALF_WAY},
        points={"gradient": 2},
        message="the fractions cancel",
    ),
    Submission(
        name="no inner factor",
        replaces={"gradient": NO_INNER_FACTOR},
        points={"gradient": 2},
        message="the derivative of that division",
        variants={"gradient": "temperature"},
    ),
    Submission(
        name="a mean of means",
        replaces={"epoch_number": MEAN_OF_MEANS},
        points={"epoch_number": 4},
        message="You average the batches' means.",
    ),
    Submission(
        name="the exponential first",
        replaces={"epoch_number": EXPONENTIAL_FIRST},
        points={"epoch_number": 2},
        message="the exponential comes last",
        variants={"epoch_number": "perplexity"},
    ),
]
