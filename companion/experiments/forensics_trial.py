"""Is the table audit right? A thousand honest tables, and a thousand with one planted cell that no counts can make.

Honest tables are computed from random counts and rounded as programs round: with scikit-learn's own report for one
label per item, and in seqeval's layout where predictions are free. A planted table is an honest one with one number
changed, kept only if a brute-force search over all whole numbers, which shares no code with the audit, proves that it
cannot be.

Taught in: book/walkthroughs/reading-a-results-table
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells
from companion.randomness import key

if TYPE_CHECKING:
    import numpy as np

NAME = "forensics-trial"
STYLES = ("scikit-learn", "seqeval")
TABLES = 500
LARGEST = 50_000
AVERAGES = ("accuracy", "micro", "macro", "weighted")

Options = list[tuple[int, int, int]]


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Try both styles without a record; the fast profile takes 10 tables of each kind with supports up to 500."""
    full = profile == "full"
    command = f"companion experiments {NAME} --profile {profile}"
    cells = [{"style": style, "seed": 0} for style in STYLES]
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, style: str, seed: int, full: bool) -> dict[str, Any]:
    """How many honest tables the audit accuses, and how many planted cells it finds."""
    return trial(style, seed, tables=TABLES if full else 10, largest=LARGEST if full else 500)


def trial(
    style: str, seed: int, *, tables: int, largest: int, impossible: Callable[[str], bool] | None = None
) -> dict[str, Any]:
    """Judge `tables` honest and as many planted tables with `impossible`, by default the audit of this package."""
    judge = _audit if impossible is None else impossible
    result: dict[str, Any] = {"tables": 0, "accused": 0, "planted": 0, "found": 0, "still_possible": 0}
    planted_in: dict[str, int] = {}
    number = 0
    while result["tables"] < tables or result["planted"] < tables:
        draw = _generator(style, seed, number)
        number += 1
        honest = honest_table(style, draw, largest)
        if result["tables"] < tables:
            result["tables"] += 1
            result["accused"] += judge(honest)
        if result["planted"] < tables:
            kind, changed = change_one(honest, draw)
            if refuted(changed):
                result["planted"] += 1
                result["found"] += judge(changed)
                planted_in[kind] = planted_in.get(kind, 0) + 1
            else:
                result["still_possible"] += 1
    return {**result, "planted_in": dict(sorted(planted_in.items()))}


def honest_table(style: str, draw: np.random.Generator, largest: int) -> str:
    """The text of a computed table: 2 to 12 classes, supports of 1 to `largest`, 2 to 4 digits."""
    import numpy as np

    classes, digits = int(draw.integers(2, 13)), int(draw.integers(2, 5))
    supports = np.exp(draw.uniform(0, np.log(largest), classes)).astype(int)
    skill = draw.uniform(0.2, 1, classes) ** draw.choice([0.2, 1])
    if style == "scikit-learn":
        return _scikit_learn_table(draw, supports, skill, digits)
    right = draw.binomial(supports, skill)
    predicted = right + draw.poisson(supports * draw.uniform(0, 0.6, classes))
    return _seqeval_table(supports, right, predicted, digits)


def _scikit_learn_table(draw: np.random.Generator, supports: np.ndarray, skill: np.ndarray, digits: int) -> str:
    import numpy as np
    from sklearn.metrics import classification_report

    classes = len(supports)
    matrix = np.zeros((classes, classes), dtype=int)
    for row, (support, share) in enumerate(zip(supports, skill, strict=True)):
        others = draw.dirichlet(np.ones(classes))
        others[row] = 0
        chances = (1 - share) * others / others.sum()
        chances[row] = share
        matrix[row] = draw.multinomial(support, chances)
    true, answer = (np.repeat(places.ravel(), matrix.ravel()) for places in np.indices(matrix.shape))
    names = [f"class-{number}" for number in range(classes)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(
            true, answer, labels=range(classes), target_names=names, digits=digits, zero_division=0
        )


def _seqeval_table(supports: np.ndarray, right: np.ndarray, predicted: np.ndarray, digits: int) -> str:
    """seqeval's layout; computed in floating point, as programs do."""
    import numpy as np

    def ratio(a: Any, b: Any) -> Any:
        return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=np.asarray(b) > 0)

    scores = np.stack([ratio(right, predicted), ratio(right, supports), ratio(2 * right, supports + predicted)])
    sums = right.sum(), predicted.sum(), supports.sum()
    averages = {
        "micro avg": [ratio(sums[0], sums[1]), ratio(sums[0], sums[2]), ratio(2 * sums[0], sums[1] + sums[2])],
        "macro avg": scores.mean(axis=1),
        "weighted avg": (scores * supports).sum(axis=1) / sums[2],
    }
    lines = ["              precision    recall  f1-score   support", ""]
    for number, support in enumerate(supports):
        lines.append(_line(f"TYPE-{number}", scores[:, number], support, digits))
    lines.append("")
    lines += [_line(name, values, sums[2], digits) for name, values in averages.items()]
    return "\n".join(lines) + "\n"


def _line(name: str, scores: Sequence[Any], support: Any, digits: int) -> str:
    return name.rjust(12) + "".join(f"{float(score):.{digits}f}".rjust(11) for score in scores) + str(support).rjust(10)


def change_one(text: str, draw: np.random.Generator) -> tuple[str, str]:
    """Change one number of a table; what kind of number it was, and the new text.

    A score moves by a few units of its last digit or anywhere, a support by up to a tenth.
    """
    lines = text.splitlines()
    numbered = [place for place, line in enumerate(lines) if line.strip() and "f1-score" not in line]
    place = int(draw.choice(numbered))
    fields = lines[place].split()
    start = next(n for n, field in enumerate(fields) if field[0].isdigit())
    target = int(draw.integers(start, len(fields)))
    average = fields[0] in AVERAGES
    if target == len(fields) - 1:
        kind = "support of an average" if average else "support of a row"
        old = int(fields[target])
        fields[target] = str(max(1, old + int(draw.choice([-1, 1])) * int(draw.integers(1, 2 + old // 10))))
    else:
        kind = "average" if average else ("precision", "recall", "F1")[target - start] + " of a row"
        digits = len(fields[target].partition(".")[2])
        units, scale = int(fields[target].replace(".", "")), 10**digits
        step = int(draw.integers(1, 6)) * int(draw.choice([-1, 1]))
        new = min(scale, max(0, units + step)) if draw.random() < 0.7 else int(draw.integers(0, scale + 1))
        fields[target] = f"{new / scale:.{digits}f}"
    name = " ".join(fields[:start])
    # An accuracy stands in the third column.
    shift = 22 if len(fields) - start == 2 else 0
    lines[place] = name.rjust(12) + " " * shift + "".join(field.rjust(11) for field in fields[start:])
    return kind, "\n".join(lines) + "\n"


def refuted(text: str) -> bool:
    """Whether no whole numbers can print this table: every count of every row is tried, and the ranges are added up.

    Averages are those of scikit-learn. The search does not look for ways in which several rows exclude each other.
    """
    rows, averages = [], {}
    for line in text.splitlines():
        fields = line.split()
        if fields and "f1-score" not in fields:
            cells = [field for field in fields if field[0].isdigit()]
            if fields[0] in AVERAGES:
                averages[fields[0]] = ([Fraction(cell) for cell in cells[:-1]], int(cells[-1]))
            else:
                rows.append(([Fraction(cell) for cell in cells[:-1]], int(cells[-1])))
                half = Fraction(1, 2 * 10 ** len(cells[0].partition(".")[2]))
    total = sum(support for _, support in rows)
    single = "accuracy" in averages
    found = [_every_count(scores, support, half, total if single else None) for scores, support in rows]
    if [] in found or any(support != total for _, support in averages.values()):
        return True
    if None in found:
        return False
    fewest = sum(min(option[1] for option in options) for options in found)
    most = sum(max(option[2] for option in options) for options in found)
    if single and not fewest <= total <= most:
        return True
    spans = _spans(rows, found)
    return any(
        not low - half <= score <= high + half
        for name, (scores, _) in averages.items()
        for score, (low, high) in zip(scores, spans[name], strict=True)
    )


def _every_count(scores: Sequence[Fraction], support: int, half: Fraction, total: int | None) -> Options | None:
    """For every count of right items that can print the row: itself, the fewest and the most predictions with it.

    None where a recall is possible, the precision prints as zero and predictions are free: nothing bounds them, and the
    row is not judged.
    """
    import numpy as np

    scale = int(1 / half)
    precision, recall, f1 = (int(score * scale) for score in scores)
    counts = np.arange(support + 1)
    possible = counts[np.abs(scale * counts - recall * support) <= support]
    if len(possible) and precision <= 1 and total is None:
        return None
    options = []
    for right in map(int, possible):
        most = right * scale // (precision - 1) + 1 if precision > 1 else total
        predicted = np.arange(right, (most if total is None else min(most, total)) + 1)
        fits = np.abs(scale * right - precision * predicted) <= predicted
        # 0/0 prints as zero here.
        fits[predicted == 0] = precision <= 1
        fits &= np.abs(2 * scale * right - f1 * (support + predicted)) <= support + predicted
        if fits.any():
            options.append((right, int(predicted[fits].min()), int(predicted[fits].max())))
    return options


def _spans(rows: Sequence[tuple[Any, int]], found: Sequence[Options]) -> dict[str, list[tuple[Fraction, Fraction]]]:
    """Lowest and highest accuracy, micro, macro and weighted scores."""
    total = sum(support for _, support in rows)
    ends = []
    for (_, support), options in zip(rows, found, strict=True):
        pairs = [(right, predicted) for right, *both in options for predicted in both]
        scores = (
            [Fraction(right, predicted) if predicted else Fraction(0) for right, predicted in pairs],
            [Fraction(right, support) for right, _ in pairs],
            [Fraction(2 * right, support + predicted) for right, predicted in pairs],
        )
        ends.append([(min(values), max(values)) for values in scores])
    right = [Fraction(sum(pick(option[0] for option in options) for options in found)) for pick in (min, max)]
    wrong = [
        sum(pick(option[place] - option[0] for option in options) for options in found)
        for pick, place in ((max, 2), (min, 1))
    ]
    recall = (right[0] / total, right[1] / total)
    precision = tuple(t / (t + w) if t + w else Fraction(end) for end, t, w in zip((0, 1), right, wrong, strict=True))
    f1 = tuple(2 * t / (t + w + total) for t, w in zip(right, wrong, strict=True))

    def mean(column: int, weights: Sequence[int]) -> tuple[Fraction, ...]:
        lows_and_highs = zip(*(row[column] for row in ends), strict=True)
        return tuple(
            sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights) for values in lows_and_highs
        )

    supports = [support for _, support in rows]
    return {
        "accuracy": [recall],
        "micro": [precision, recall, f1],
        "macro": [mean(column, [1] * len(rows)) for column in range(3)],
        "weighted": [mean(column, supports) for column in range(3)],
    }


def _audit(text: str) -> bool:
    from companion.evaluation.forensics import audit_table

    return bool(audit_table(text).impossible)


def _generator(style: str, seed: int, number: int) -> np.random.Generator:
    import numpy as np

    return np.random.Generator(np.random.PCG64(key(seed, style, number)))
