"""Padding, pooling and budgets, gone wrong."""

from tests.classroom.submissions import Submission

MASK_FROM_IDS = """
def pad_batch(rows, pad_id):
    width = max((len(row) for row in rows), default=0)
    ids = [row + [pad_id] * (width - len(row)) for row in rows]
    return {"input_ids": ids, "attention_mask": [[int(piece != pad_id) for piece in row] for row in ids]}
"""
MASK_FOR_EIGHT_AS_NUMBERS = """
def pad_batch(rows, pad_id):
    width = (max((len(row) for row in rows), default=0) + 7) // 8 * 8
    ids = [row + [pad_id] * (width - len(row)) for row in rows]
    return {"input_ids": ids, "attention_mask": [[0] * len(row) + [1] * (width - len(row)) for row in rows]}
"""
MASK_PADDED_WITH_ID = """
def pad_batch(rows, pad_id):
    width = max((len(row) for row in rows), default=0)
    fill = lambda row: row + [pad_id] * (width - len(row))
    return {"input_ids": [fill(row) for row in rows], "attention_mask": [fill([1] * len(row)) for row in rows]}
"""
CRASHES_ON_NOTHING = """
def pad_batch(rows, pad_id):
    width = max(len(row) for row in rows)
    ids = [row + [pad_id] * (width - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return {"input_ids": ids, "attention_mask": mask}
"""
MASK_TURNED = """
def pad_batch(rows, pad_id):
    width = max((len(row) for row in rows), default=0)
    ids = [row + [pad_id] * (width - len(row)) for row in rows]
    mask = [[0] * len(row) + [1] * (width - len(row)) for row in rows]
    return {"input_ids": ids, "attention_mask": mask}
"""
MEAN_OF_ALL = """
def pool(vectors, mask):
    return [[sum(column) / len(column) for column in zip(*sentence)] for sentence in vectors]
"""
DIVIDES_BY_ZERO = """
def pool(vectors, mask):
    pooled = []
    for sentence, marks in zip(vectors, mask):
        real = [vector for vector, mark in zip(sentence, marks) if mark]
        pooled.append([sum(v[i] for v in real) / len(real) for i in range(len(sentence[0]))])
    return pooled
"""
PRODUCT_THEN_MAX = """
def pool(vectors, mask):
    return [
        [max(v[i] * m for v, m in zip(sentence, marks)) for i in range(len(sentence[0]))]
        for sentence, marks in zip(vectors, mask)
    ]
"""
SUM_AS_POSITION = """
def pool(vectors, mask):
    return [
        sentence[sum(marks) - 1] if sum(marks) else [0.0] * len(sentence[0])
        for sentence, marks in zip(vectors, mask)
    ]
"""
NEVER_REACHES = """
def batches(lengths, budget):
    made = []
    for position, length in enumerate(lengths):
        joined = [lengths[row] for row in made[-1]] + [length] if made else []
        if joined and len(joined) * max(joined) < budget:
            made[-1].append(position)
        else:
            made.append([position])
    return made
"""
DROPS_GIANTS = """
def batches(lengths, budget):
    made = []
    for position, length in enumerate(lengths):
        if length > budget:
            continue
        joined = [lengths[row] for row in made[-1]] + [length] if made else []
        if joined and len(joined) * max(joined) <= budget:
            made[-1].append(position)
        else:
            made.append([position])
    return made
"""
RIGHT_FOR_ANOTHER_YEAR = """
def batches(lengths, budget):
    made = []
    for position, length in enumerate(lengths):
        if made and sum(lengths[row] for row in made[-1]) + length <= budget:
            made[-1].append(position)
        else:
            made.append([position])
    return made
"""

SUBMISSIONS = [
    Submission(
        name="mask read off the ids",
        replaces={"pad_batch": MASK_FROM_IDS},
        points={"pad_batch": 6},
        message="A real piece may have that id.",
    ),
    Submission(
        name="mask padded with the id",
        replaces={"pad_batch": MASK_PADDED_WITH_ID},
        points={"pad_batch": 6},
        message="You pad ids and mask alike",
    ),
    Submission(
        name="mask says the opposite",
        replaces={"pad_batch": MASK_TURNED},
        points={"pad_batch": 0},
        message="turned round",
    ),
    Submission(
        name="no rows, no maximum",
        replaces={"pad_batch": CRASHES_ON_NOTHING},
        points={"pad_batch": 7},
        message="ValueError",
    ),
    Submission(
        name="numbers where truth values are asked for",
        replaces={"pad_batch": MASK_FOR_EIGHT_AS_NUMBERS},
        points={"pad_batch": 0},
        message="This statement asks for `True` and `False`",
        variants={"pad_batch": "right-multiple-of-eight"},
    ),
    Submission(
        name="mean over padding too",
        replaces={"pool": MEAN_OF_ALL},
        points={"pool": 0},
        message="You pool over all positions.",
    ),
    Submission(
        name="nothing real",
        replaces={"pool": DIVIDES_BY_ZERO},
        points={"pool": 7},
        message="ZeroDivisionError",
    ),
    Submission(
        name="a product, then the maximum",
        replaces={"pool": PRODUCT_THEN_MAX},
        points={"pool": 6},
        message="win a maximum over negative numbers",
        variants={"pool": "max"},
    ),
    Submission(
        name="a count as a position",
        replaces={"pool": SUM_AS_POSITION},
        points={"pool": 7},
        message="Look for the last 1 of the mask.",
        variants={"pool": "last"},
    ),
    Submission(
        name="the budget is never reached",
        replaces={"batches": NEVER_REACHES},
        points={"batches": 3},
        message="A budget may be spent to the last piece",
    ),
    Submission(
        name="long rows are lost",
        replaces={"batches": DROPS_GIANTS},
        points={"batches": 6},
        message="Every row must stand in exactly one batch.",
    ),
    Submission(
        name="last year's form",
        replaces={"batches": RIGHT_FOR_ANOTHER_YEAR},
        points={"batches": 2},
        message="This answers another form of the task (`real`)",
    ),
    Submission(name="not handed in", replaces={"pool": ""}, points={"pool": 0}, message="There is no function `pool`"),
]
