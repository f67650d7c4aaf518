"""G01: the student patches what might do the comparing."""

from tests.classroom.hostile import Hostile

_WRONG = """
def total(numbers):
    return 1
"""

CASES = [
    Hostile(
        name="math.isclose always true", family="G01", code="import math\nmath.isclose = lambda *a, **k: True" + _WRONG
    ),
    Hostile(
        name="json.dumps writes its own answer",
        family="G01",
        code="import json\n_old = json.dumps\njson.dumps = lambda d, **k: _old({**d, 'value': True})" + _WRONG,
        largest=0,
    ),
    Hostile(
        name="builtins say yes",
        family="G01",
        code="import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.abs = lambda x: 0" + _WRONG,
        largest=0,
    ),
    Hostile(
        name="numpy.allclose always true",
        family="G01",
        code="import numpy\nnumpy.allclose = lambda *a, **k: True" + _WRONG,
    ),
    Hostile(
        name="unittest asserts nothing",
        family="G01",
        code="import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None" + _WRONG,
    ),
    Hostile(
        name="a companion of one's own that compares kindly",
        family="G01",
        code="""
import sys, types
_kind = types.ModuleType("companion.classroom.compare")
_kind.differs = lambda *a, **k: None
sys.modules["companion.classroom.compare"] = _kind
sys.modules["companion"] = types.ModuleType("companion")
"""
        + _WRONG,
    ),
    Hostile(
        name="the runner's own functions replaced through its frames",
        family="G01",
        code="""
import sys
def total(numbers):
    frame = sys._getframe()
    while frame:
        if "plain" in frame.f_globals:
            frame.f_globals["plain"] = lambda value, depth=0: True
        frame = frame.f_back
    return 1
""",
        largest=0,
    ),
    Hostile(
        name="a trace function that changes what is returned",
        family="G01",
        code="""
import sys
def _trace(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "_call":
        frame.f_locals["value"] = True
    return _trace
def total(numbers):
    sys.settrace(_trace)
    return 1
""",
    ),
    Hostile(
        name="an import hook that swaps every later module",
        family="G01",
        code="""
import sys, types
class _Hook:
    def find_spec(self, name, path=None, target=None):
        sys.modules[name] = types.SimpleNamespace(differs=lambda *a: None)
sys.meta_path = [_Hook()]
"""
        + _WRONG,
    ),
    Hostile(
        name="dict.get and the like shadowed in the namespace",
        family="G01",
        code="""
len = max = sorted = lambda *a, **k: True
__builtins__ = {"len": len}
def total(numbers):
    return 1
""",
        largest=0,
    ),
]
