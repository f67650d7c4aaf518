"""Labels and pieces, gone wrong."""

from tests.classroom.submissions import Submission

BY_POSITION = """
def align_labels(tags, word_ids, tag_ids):
    padded = tags + ["O"] * len(word_ids)
    return [-100 if word is None else tag_ids[padded[place - 1]] for place, word in enumerate(word_ids)]
"""
NEXT_TAG = """
def align_labels(tags, word_ids, tag_ids):
    labels, previous, left = [], None, iter(tags)
    for word in word_ids:
        labels.append(-100 if word is None or word == previous else tag_ids[next(left)])
        previous = word
    return labels
"""
REPEATED_BEGINNINGS = """
def align_labels(tags, word_ids, tag_ids):
    return [-100 if word is None else tag_ids[tags[word]] for word in word_ids]
"""
OUTSIDE_INSTEAD = """
def align_labels(tags, word_ids, tag_ids):
    labels, previous = [], None
    for word in word_ids:
        labels.append(tag_ids["O"] if word is None or word == previous else tag_ids[tags[word]])
        previous = word
    return labels
"""
NUMBERS_BY_HEART = """
ORDER = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]

def align_labels(tags, word_ids, tag_ids):
    labels, previous = [], None
    for word in word_ids:
        labels.append(-100 if word is None or word == previous else ORDER.index(tags[word]))
        previous = word
    return labels
"""
FIRST_FOR_LAST = """
def align_labels(tags, word_ids, tag_ids):
    labels, previous = [], None
    for word in word_ids:
        labels.append(-100 if word is None or word == previous else tag_ids[tags[word]])
        previous = word
    return labels
"""
ONE_A_PIECE = """
def to_words(piece_tags, word_ids, count):
    return [tag for tag, word in zip(piece_tags, word_ids) if word is not None]
"""
VANISHED = """
def to_words(piece_tags, word_ids, count):
    said = {}
    for tag, word in zip(piece_tags, word_ids):
        if word is not None:
            said.setdefault(word, tag)
    return list(said.values())
"""
MOVED_UP = """
def to_words(piece_tags, word_ids, count):
    said = {}
    for tag, word in zip(piece_tags, word_ids):
        if word is not None:
            said.setdefault(word, tag)
    return list(said.values()) + ["O"] * (count - len(said))
"""
ALWAYS_FIRST = """
def to_words(piece_tags, word_ids, count):
    said = {}
    for tag, word in zip(piece_tags, word_ids):
        said.setdefault(word, tag)
    return [said.get(word, "O") for word in range(count)]
"""
NO_SINGLES = """
def respell(tags):
    spelled = []
    for position, tag in enumerate(tags):
        after = tags[position + 1] if position + 1 < len(tags) else "O"
        ends = tag.startswith("I-") and not after.startswith("I-")
        spelled.append("E" + tag[1:] if ends else tag)
    return spelled
"""
ONLY_O_ENDS = """
def respell(tags):
    spelled = []
    for position, tag in enumerate(tags):
        after = tags[position + 1] if position + 1 < len(tags) else "O"
        if tag == "O" or after != "O":
            spelled.append(tag)
        else:
            spelled.append(("S" if tag[0] == "B" else "E") + tag[1:])
    return spelled
"""

SUBMISSIONS = [
    Submission(
        name="paired by position",
        replaces={"align_labels": BY_POSITION},
        points={"align_labels": 1},
        message="From the first cut word on, every label belongs to another word.",
    ),
    Submission(
        name="the next tag for every new word",
        replaces={"align_labels": NEXT_TAG},
        points={"align_labels": 5},
        message="The number in `word_ids` says which word it is",
    ),
    Submission(
        name="every piece begins an entity",
        replaces={"align_labels": REPEATED_BEGINNINGS},
        points={"align_labels": 1},
        message="A `B-` begins an entity each time it is read.",
        variants={"align_labels": "all"},
    ),
    Submission(
        name="outside for ignored",
        replaces={"align_labels": OUTSIDE_INSTEAD},
        points={"align_labels": 0},
        message="`O` is a claim about a word",
    ),
    Submission(
        name="numbers by heart",
        replaces={"align_labels": NUMBERS_BY_HEART},
        points={"align_labels": 8},
        message="expected",
    ),
    Submission(
        name="first for last",
        replaces={"align_labels": FIRST_FOR_LAST},
        points={"align_labels": 1},
        message="This answers another form of the task (`first`)",
        variants={"align_labels": "last"},
    ),
    Submission(
        name="a tag for each piece",
        replaces={"to_words": ONE_A_PIECE},
        points={"to_words": 1},
        message="You give one tag for each piece.",
    ),
    Submission(
        name="words without pieces vanish",
        replaces={"to_words": VANISHED},
        points={"to_words": 5},
        message="Words without pieces are missing from your list",
    ),
    Submission(
        name="words move up",
        replaces={"to_words": MOVED_UP},
        points={"to_words": 6},
        message="the words behind a gap have moved up",
    ),
    Submission(
        name="first for majority",
        replaces={"to_words": ALWAYS_FIRST},
        points={"to_words": 2},
        message="This answers another form of the task (`first`)",
        variants={"to_words": "majority"},
    ),
    Submission(
        name="one word is no S",
        replaces={"respell": NO_SINGLES},
        points={"respell": 1},
        message="In BIOES they are `S-`",
    ),
    Submission(
        name="only O ends an entity",
        replaces={"respell": ONLY_O_ENDS},
        points={"respell": 4},
        message="A `B-` ends the entity before it, too.",
    ),
]
