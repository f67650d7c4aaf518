"""Adapters, gone wrong."""

from tests.classroom.submissions import Submission

CONTAINED = """
def count_trainable(layers, rank, targets):
    named = [layer for layer in layers if any(target in layer["name"] for target in targets)]
    return sum(rank * (layer["in"] + layer["out"]) for layer in named)
"""
RANK_TIMES_WEIGHT = """
def count_trainable(layers, rank, targets):
    named = [layer for layer in layers if layer["name"].split(".")[-1] in targets]
    return sum(rank * layer["in"] * layer["out"] for layer in named)
"""
BIASES_OF_TARGETS = """
def count_trainable(layers, rank, targets):
    named = [layer for layer in layers if layer["name"].split(".")[-1] in targets]
    return sum(rank * (layer["in"] + layer["out"]) + layer["out"] * layer["bias"] for layer in named)
"""
FLOATING = """
def count_trainable(layers, rank, targets):
    named = [layer for layer in layers if layer["name"].split(".")[-1] in targets]
    return float(sum(rank * (layer["in"] + layer["out"]) for layer in named))
"""
PRODUCTS = """
def dot(row, other):
    return sum(p * q for p, q in zip(row, other))

def through(rows, weight):
    return [[dot(row, w) for w in weight] for row in rows]
"""
NO_FACTOR = (
    PRODUCTS
    + """
def lora_forward(x, weight, bias, a, b, alpha):
    plain, thin = through(x, weight), through(through(x, a), b)
    return [[p + c + t for p, c, t in zip(row, bias, extra)] for row, extra in zip(plain, thin)]
"""
)
UNDIVIDED = NO_FACTOR.replace("p + c + t for", "p + c + alpha * t for")
NO_BIAS = NO_FACTOR.replace("p + c + t for", "p + alpha / len(a) * t for")
OVER_RANK = NO_FACTOR.replace("p + c + t for", "p + c + alpha / len(a) * t for")
MERGE = (
    PRODUCTS
    + """
def merge(weight, adapters):
    merged = [[*row] for row in weight]
    for one in adapters:
        strength = one["share"] * one["alpha"] / len(one["a"])
        for i, row in enumerate(merged):
            for j in range(len(row)):
                row[j] += strength * sum(one["b"][i][k] * one["a"][k][j] for k in range(len(one["a"])))
    return merged
"""
)
NO_SHARE = MERGE.replace('one["share"] * ', "")
NO_ALPHA = MERGE.replace(' * one["alpha"] / len(one["a"])', "")
LAST_ONLY = MERGE.replace("in adapters:", "in adapters[-1:]:")
AVERAGED = MERGE.replace('/ len(one["a"])', '/ len(one["a"]) / len(adapters)')

SUBMISSIONS = [
    Submission(
        name="a name that contains the target",
        replaces={"count_trainable": CONTAINED},
        points={"count_trainable": 7},
        message="`query_norm` contains `query`, and is no target.",
    ),
    Submission(
        name="rank times weight",
        replaces={"count_trainable": RANK_TIMES_WEIGHT},
        points={"count_trainable": 1},
        message="An adapter is two thin matrices",
    ),
    Submission(
        name="biases of targets only",
        replaces={"count_trainable": BIASES_OF_TARGETS},
        points={"count_trainable": 3},
        message="The statement asks for those of all layers.",
        variants={"count_trainable": "a-and-b-and-biases"},
    ),
    Submission(
        name="a count with a fraction",
        replaces={"count_trainable": FLOATING},
        points={"count_trainable": 0},
        message="expected a whole number",
    ),
    Submission(
        name="no factor",
        replaces={"lora_forward": NO_FACTOR},
        points={"lora_forward": 1},
        message="Without it, alpha changes nothing.",
    ),
    Submission(
        name="alpha is not divided",
        replaces={"lora_forward": UNDIVIDED},
        points={"lora_forward": 1},
        message="You multiply by alpha and do not divide.",
    ),
    Submission(
        name="no bias", replaces={"lora_forward": NO_BIAS}, points={"lora_forward": 0}, message="The bias is missing."
    ),
    Submission(
        name="over the rank, not its root",
        replaces={"lora_forward": OVER_RANK},
        points={"lora_forward": 1},
        message="This answers another form of the task (`over-rank`)",
        variants={"lora_forward": "over-root"},
    ),
    Submission(name="no share", replaces={"merge": NO_SHARE}, points={"merge": 1}, message="The shares are missing"),
    Submission(name="no alpha", replaces={"merge": NO_ALPHA}, points={"merge": 1}, message="alpha / r is missing."),
    Submission(
        name="only the last adapter",
        replaces={"merge": LAST_ONLY},
        points={"merge": 3},
        message="You start from the old weight each time.",
    ),
    Submission(
        name="averaged",
        replaces={"merge": AVERAGED},
        points={"merge": 3},
        message="The shares already say how much each one counts.",
    ),
    Submission(
        name="put in one by one, where they should be mixed",
        replaces={"merge": MERGE},
        points={"merge": 3},
        message="This answers another form of the task (`put-in`)",
        variants={"merge": "mix"},
    ),
]
