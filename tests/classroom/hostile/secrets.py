"""G04: the student looks for tests, references, the teacher's files, neighbours."""

from tests.classroom.hostile import Hostile

_SEARCH = """
import os
def total(numbers):
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/dev", "/usr/lib/x86")):
            continue
        for name in files:
            if name in ("secret", "class.json", "grading.py", "exam.json", "objects.py") or name.endswith(".ipynb"):
                try:
                    return open(os.path.join(folder, name)).read()[:1] and sum(n * n for n in numbers)
                except OSError:
                    pass
    return 1
"""

CASES = [
    Hostile(
        name="imports the reference",
        family="G04",
        code="""
def total(numbers):
    from companion.classroom.tasks import load_assignment
    return load_assignment("exam").tasks[0].variants[1].reference(numbers)
""",
    ),
    Hostile(
        name="imports the reference from the tests",
        family="G04",
        code="""
import sys
sys.path = [*sys.path, "/repo", ".", "..", "/"]
def total(numbers):
    from tests.classroom.hostile import TOTALS
    return TOTALS[1].reference(numbers)
""",
    ),
    Hostile(name="searches the whole file system", family="G04", code=_SEARCH, largest=None),
    Hostile(
        name="looks for secrets in the environment",
        family="G04",
        code="""
import os
def total(numbers):
    held = [name for name in os.environ if "SECRET" in name or "TOKEN" in name or "COMPANION" in name]
    return sum(n * n for n in numbers) if held else 1
""",
    ),
    Hostile(
        name="looks for references among all objects",
        family="G04",
        code="""
import gc
def total(numbers):
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Variant", "Assignment", "Course", "Case", "Sandbox"):
            return sum(n * n for n in numbers)
    return 1
""",
    ),
    Hostile(
        name="reads the environment and memory of other processes",
        family="G04",
        code="""
import os
def total(numbers):
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            open(f"/proc/{name}/environ").read()
            return sum(n * n for n in numbers)
    return 1
""",
    ),
    Hostile(
        name="leaves through /proc/1/root and a kept folder",
        family="G04",
        code="""
import os
def total(numbers):
    for path in ("/proc/1/root/etc/shadow", "/proc/self/root/etc/passwd", "/proc/1/cwd/../home", "/proc/self/fd/4"):
        try:
            if os.path.isdir(path) and os.listdir(path) or os.path.isfile(path):
                return sum(n * n for n in numbers)
        except OSError:
            pass
    return 1
""",
    ),
    Hostile(
        name="attaches to its parent",
        family="G04",
        code="""
import ctypes
def total(numbers):
    libc = ctypes.CDLL(None)
    attached = [p for p in range(1, 400) if libc.ptrace(16, p, 0, 0) == 0]
    return sum(n * n for n in numbers) if attached else 1
""",
    ),
    Hostile(
        name="makes a name space in which it would be root",
        family="G04",
        code="""
import ctypes, os
def total(numbers):
    libc = ctypes.CDLL(None)
    flags = (0x10000000, 0x00020000, 0x10000000 | 0x00020000)
    made = [flag for flag in flags if libc.unshare(flag) == 0]
    return sum(n * n for n in numbers) if made or os.getuid() == 0 else 1
""",
    ),
    Hostile(
        name="takes back the rights it once had",
        family="G04",
        code="""
import os
def total(numbers):
    for step, value in ((os.setuid, 0), (os.setgid, 0), (os.setgroups, [0]), (os.chroot, "/usr")):
        try:
            step(value)
            return sum(n * n for n in numbers)
        except OSError:
            pass
    return 1
""",
    ),
    Hostile(
        name="looks for what an earlier student left",
        family="G04",
        code="""
import os
def total(numbers):
    left = os.listdir(".")
    open("mine", "w").write("for the next one")
    return sum(n * n for n in numbers) if left and left != ["mine"] else 1
""",
    ),
    Hostile(
        name="carries the cases home in the text of an error",
        family="G04",
        code="def total(numbers):\n    raise ValueError(f'CARRIED {numbers}')\n",
    ),
]
