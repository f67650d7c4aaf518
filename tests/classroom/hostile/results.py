"""G03: the student writes the result, leaves early, or stays behind."""

from tests.classroom.hostile import FULL, Hostile

_WRONG = """
def total(numbers):
    return 1
"""

CASES = [
    Hostile(
        name="writes result files wherever they might be",
        family="G03",
        code="""
import os
def _leave(path):
    try:
        open(path, "w").write('{"earned": 8, "possible": 8}')
    except OSError:
        pass
left = [_leave(p) for p in ("results.json", "me.json", "/graded/exam/me.json", "/var/x.json", "../me.json")]
"""
        + _WRONG,
    ),
    Hostile(
        name="writes answers of its own into every open file",
        family="G03",
        code="""
import os
def total(numbers):
    for number in range(64):
        try:
            os.write(number, b'{"call": 1, "value": true}\\n{"call": 2, "value": 1e999}\\n{"earned": 8}\\n')
        except OSError:
            pass
    return 1
""",
    ),
    Hostile(
        name="claims another prediction",
        family="G03",
        code="""
import os
def _claim():
    for number in range(64):
        try:
            os.write(number, b'{"read": {"predictions": {"total": "B", "largest": "B"}}}\\n')
        except OSError:
            pass
claimed = _claim()
"""
        + _WRONG,
    ),
    Hostile(
        name="leaves with success while it is defined",
        family="G03",
        code="import os\ngone = os._exit(0)" + _WRONG,
        largest=0,
    ),
    Hostile(
        name="leaves with success when it is called",
        family="G03",
        code="import os\ndef total(numbers):\n    os._exit(0)\n",
        largest=0,
    ),
    Hostile(
        name="sys.exit(0) when it is called", family="G03", code="import sys\ndef total(numbers):\n    sys.exit(0)\n"
    ),
    Hostile(name="raises KeyboardInterrupt", family="G03", code="def total(numbers):\n    raise KeyboardInterrupt\n"),
    Hostile(
        name="a daemon that outlives the grading",
        family="G03",
        code="""
import os, time
def total(numbers):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(0.2)
        os._exit(0)
    return 1
""",
    ),
    Hostile(
        name="a fork that comes back and answers too",
        family="G03",
        code="import os\ndef total(numbers):\n    os.fork()\n    return 1\n",
    ),
    Hostile(
        name="kills whatever it can",
        family="G03",
        code="""
import os, signal
def total(numbers):
    for target in (-1, 0, os.getppid(), 1, 2, 3):
        try:
            os.kill(target, signal.SIGKILL)
        except OSError:
            pass
    return 1
""",
        largest=None,
    ),
    Hostile(
        name="closes the way its answers go",
        family="G03",
        code="import os\ndef total(numbers):\n    os.closerange(0, 64)\n    return 1\n",
        largest=0,
    ),
    Hostile(
        name="a thread and an exit handler that answer later",
        family="G03",
        code="""
import atexit, os, threading, time
def _late():
    time.sleep(0.3)
    os.write(3, b'{"call": 0, "value": 1}\\n')
def total(numbers):
    atexit.register(_late)
    threading.Thread(target=_late, daemon=True).start()
    return 1
""",
    ),
]
assert {case.largest for case in CASES} == {FULL, 0, None}
