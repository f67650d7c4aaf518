"""G02 and G06: values that are not what they look like."""

from tests.classroom.hostile import Hostile


def _gives(expression: str, before: str = "") -> str:
    return f"{before}\ndef total(numbers):\n    return {expression}\n"


_YES = """
class Yes:
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __float__(self): return 1.0
    def __index__(self): return 1
    __class__ = int
"""

_LIAR = """
class M(type):
    __eq__ = lambda a, b: True
    __hash__ = type.__hash__
class T(metaclass=M):
    pass
"""

CASES = [
    Hostile(name="an object that equals everything", family="G02", code=_gives("Yes()", _YES)),
    Hostile(
        name="a float that equals everything",
        family="G02",
        code=_gives("F(1.0)", "class F(float):\n    __eq__ = lambda a, b: True\n    __hash__ = None"),
    ),
    Hostile(
        name="an int that equals everything",
        family="G02",
        code=_gives("I(1)", "class I(int):\n    __eq__ = lambda a, b: True\n    __hash__ = None"),
    ),
    Hostile(
        name="an int whose text is the answer to all",
        family="G02",
        code=_gives("I(1)", "class I(int):\n    __repr__ = __str__ = lambda a: 'true'"),
    ),
    Hostile(
        name="a str that equals everything",
        family="G02",
        code=_gives("S('1')", "class S(str):\n    __eq__ = lambda a, b: True\n    __hash__ = None"),
    ),
    Hostile(
        name="a list that has every length",
        family="G02",
        code=_gives(
            "L([1])", "class L(list):\n    __len__ = lambda a: 4\n    __eq__ = lambda a, b: True\n    __hash__ = None"
        ),
    ),
    Hostile(
        name="a metaclass that lies about its type",
        family="G02",
        code=_gives(
            "T()",
            _LIAR,
        ),
    ),
    Hostile(name="an array of one number", family="G02", code=_gives("numpy.array([1])", "import numpy")),
    Hostile(name="true where a number is asked", family="G02", code=_gives("True")),
    Hostile(name="not a number", family="G06", code=_gives("float('nan')")),
    Hostile(name="infinity", family="G06", code=_gives("float('inf')")),
    Hostile(name="an integer of ten thousand digits", family="G06", code=_gives("10**10000")),
    Hostile(name="an integer of four thousand digits", family="G06", code=_gives("10**4000")),
    Hostile(
        name="a list within itself",
        family="G06",
        code=_gives("ring", "ring = []\nring2 = [ring]\nfor_ever = ring.append(ring2)"),
    ),
    Hostile(
        name="a list a hundred thousand deep",
        family="G06",
        code="def total(numbers):\n    deep = []\n    for _ in range(10**5):\n        deep = [deep]\n    return deep\n",
    ),
    Hostile(name="a text of half a surrogate pair", family="G06", code=_gives("'\\ud800'")),
    Hostile(name="HTML that would run", family="G06", code=_gives("'<script>alert(1)</script>'")),
    Hostile(name="a terminal's escape sequence", family="G06", code=_gives("'\\x1b[2J\\x1b]0;gone\\x07'")),
    Hostile(name="a pickle", family="G06", code=_gives("pickle.dumps({'points': 4})", "import pickle")),
    Hostile(name="a mapping with keys that are no texts", family="G06", code=_gives("{1: 2, None: 3}")),
    Hostile(name="a generator without an end", family="G06", code=_gives("(n for n in iter(int, 1))")),
    Hostile(
        name="a function that waits to be called",
        family="G06",
        code=_gives("lambda: 1"),
    ),
]
