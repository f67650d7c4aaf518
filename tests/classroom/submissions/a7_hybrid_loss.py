"""Two losses, gone wrong."""

from tests.classroom.submissions import Submission

MEAN_OF_MEANS = """
def joint_loss(pieces, weight):
    if not pieces:
        return 0.0
    losses = []
    for piece in pieces:
        (s, n), (m, k) = piece.get("supervised", [0.0, 0]), piece.get("masked", [0.0, 0])
        losses.append((s / n if n else 0.0) + weight * (m / k if k else 0.0))
    return sum(losses) / len(losses)
"""
ONE_COUNT = """
def joint_loss(pieces, weight):
    (s, n), (m, k) = ([sum(p.get(t, [0.0, 0])[i] for p in pieces) for i in (0, 1)] for t in ("supervised", "masked"))
    return (s + weight * m) / (n + k) if n + k else 0.0
"""
SUMS = """
def joint_loss(pieces, weight):
    s, m = (sum(p.get(t, [0.0, 0])[0] for p in pieces) for t in ("supervised", "masked"))
    return s + weight * m
"""
BOTH_ALWAYS_THERE = """
def joint_loss(pieces, weight):
    (s, n), (m, k) = ([sum(p[t][i] for p in pieces) for i in (0, 1)] for t in ("supervised", "masked"))
    return s / n + weight * m / k
"""
ADDED = """
def joint_loss(pieces, weight):
    (s, n), (m, k) = ([sum(p.get(t, [0.0, 0])[i] for p in pieces) for i in (0, 1)] for t in ("supervised", "masked"))
    return (s / n if n else 0.0) + weight * (m / k if k else 0.0)
"""
NEVER_ZERO = """
def weights(updates, first, share):
    return [first * (1 - update / updates) for update in range(updates)]
"""
ONE_IS_TOO_FEW = """
def weights(updates, first, share):
    return [first * (1 - update / (updates - 1)) for update in range(updates)]
"""
FROM_ZERO = """
import math

def weights(updates, first, share):
    over = max(1, math.ceil(share * updates))
    return [first * min(1.0, update / over) for update in range(updates)]
"""
BEST_SEED = """
def choose(study):
    return max(sorted(study), key=lambda entry: max(entry[1]))[0]
"""
FIRST_OF_EQUALS = """
def choose(study):
    return max(study, key=lambda entry: sum(entry[1]) / len(entry[1]))[0]
"""
WHOLE_DEVIATION = """
from statistics import fmean, stdev

def choose(study):
    best = max(sorted(study), key=lambda entry: fmean(entry[1]))[1]
    return min(weight for weight, scores in study if fmean(scores) >= fmean(best) - stdev(best))
"""

SUBMISSIONS = [
    Submission(
        name="a mean of means",
        replaces={"joint_loss": MEAN_OF_MEANS},
        points={"joint_loss": 4},
        message="How a window was cut must not matter",
    ),
    Submission(
        name="one count for both",
        replaces={"joint_loss": ONE_COUNT},
        points={"joint_loss": 1},
        message="You divide both sums by all positions together.",
    ),
    Submission(
        name="sums", replaces={"joint_loss": SUMS}, points={"joint_loss": 0}, message="The longer the texts of a window"
    ),
    Submission(
        name="both terms always there",
        replaces={"joint_loss": BOTH_ALWAYS_THERE},
        points={"joint_loss": 6},
        message="KeyError",
    ),
    Submission(
        name="added, where one pot is asked for",
        replaces={"joint_loss": ADDED},
        points={"joint_loss": 1},
        message="This answers another form of the task (`added`)",
        variants={"joint_loss": "pooled"},
    ),
    Submission(
        name="the end is never reached",
        replaces={"weights": NEVER_ZERO},
        points={"weights": 2},
        message="Between U updates there are U − 1 steps.",
    ),
    Submission(
        name="one update is too few",
        replaces={"weights": ONE_IS_TOO_FEW},
        points={"weights": 8},
        message="ZeroDivisionError",
    ),
    Submission(
        name="it begins at zero",
        replaces={"weights": FROM_ZERO},
        points={"weights": 1},
        message="The statement counts from u + 1.",
        variants={"weights": "rising"},
    ),
    Submission(
        name="the best seed wins",
        replaces={"choose": BEST_SEED},
        points={"choose": 2},
        message="That is a prize for the luckiest seed",
    ),
    Submission(
        name="the first of equals",
        replaces={"choose": FIRST_OF_EQUALS},
        points={"choose": 7},
        message="Of equally good weights you take the one that happens to stand first.",
    ),
    Submission(
        name="a deviation for an error",
        replaces={"choose": WHOLE_DEVIATION},
        points={"choose": 2},
        message="The error of a mean is smaller by √n.",
        variants={"choose": "one-error"},
    ),
]
