"""G05: network, processes, files, time, memory, output. Everything here is bounded by itself as well as by the jail."""

from tests.classroom.hostile import Hostile

CASES = [
    Hostile(
        name="asks this machine and the world",
        family="G05",
        code="""
import socket
def total(numbers):
    for address in (("127.0.0.1", 22), ("127.0.0.1", 80), ("10.0.0.1", 80), ("198.51.100.7", 443)):
        try:
            socket.create_connection(address, timeout=0.2)
            return sum(n * n for n in numbers)
        except OSError:
            pass
    return 1
""",
    ),
    Hostile(
        name="asks for a name",
        family="G05",
        code="""
import socket
def total(numbers):
    try:
        socket.getaddrinfo("localhost.example", 80)
        return sum(n * n for n in numbers)
    except OSError:
        return 1
""",
    ),
    Hostile(
        name="fifty forks that stay",
        family="G05",
        code="""
import os, time
def total(numbers):
    for _ in range(50):
        try:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
        except OSError:
            break
    return 1
""",
        largest=None,
    ),
    Hostile(
        name="twenty megabytes into one file, more into many",
        family="G05",
        code="""
def total(numbers):
    for number in range(6):
        try:
            with open(f"part-{number}", "wb") as file:
                for _ in range(20):
                    file.write(bytes(1 << 20))
        except OSError:
            pass
    return 1
""",
    ),
    Hostile(
        name="ten thousand files",
        family="G05",
        code="""
def total(numbers):
    for number in range(10000):
        try:
            open(f"n{number}", "w").close()
        except OSError:
            break
    return 1
""",
    ),
    Hostile(
        name="a loop without end",
        family="G05",
        code="def total(numbers):\n    while True:\n        pass\n",
        largest=None,
    ),
    Hostile(
        name="a loop that catches whatever would stop it",
        family="G05",
        code="""
def total(numbers):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
        largest=0,
    ),
    Hostile(
        name="turns the alarm off, then sleeps",
        family="G05",
        code="""
import signal, time
def total(numbers):
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in range(1, 30):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    time.sleep(600)
""",
        largest=0,
    ),
    Hostile(
        name="a regular expression that takes for ever",
        family="G05",
        code="import re\ndef total(numbers):\n    return re.match(r'(a+)+$', 'a' * 40 + 'b') or 1\n",
        largest=None,
    ),
    Hostile(
        name="ten million lines of print",
        family="G05",
        code="def total(numbers):\n    for _ in range(200):\n        print('x\\n' * 50000)\n    return 1\n",
    ),
    Hostile(
        name="floods the way of its answers",
        family="G05",
        code="""
import os
def total(numbers):
    for _ in range(400):
        os.write(3, b"x" * 65536)
    return 1
""",
        largest=0,
    ),
    Hostile(
        name="two gigabytes of memory",
        family="G05",
        code="""
def total(numbers):
    held = []
    for _ in range(40):
        held.append(bytearray(50 << 20))
    return 1
""",
        largest=None,
    ),
    Hostile(
        name="two gigabytes in eight processes",
        family="G05",
        code="""
import os, time
def total(numbers):
    for _ in range(8):
        if os.fork() == 0:
            held = b"x" * (250 << 20)
            time.sleep(30)
            os._exit(0)
    time.sleep(2)
    return 1
""",
        largest=None,
    ),
    Hostile(name="recursion without end", family="G05", code="def total(numbers):\n    return total(numbers)\n"),
    Hostile(
        name="a crash of the interpreter",
        family="G05",
        code="import ctypes\ndef total(numbers):\n    return ctypes.string_at(8)\n",
        largest=0,
    ),
    Hostile(
        name="an endless assignment before anything is defined",
        family="G05",
        code="import itertools\nnever = sum(1 for _ in itertools.count())\ndef total(numbers):\n    return 1\n",
    ),
    Hostile(
        name="text that a parser chokes on",
        family="G05",
        code="x = " + "(" * 5000 + ")" * 5000 + "\n",
        largest=0,
    ),
    Hostile(
        name="an expression that brings the compiler down",
        family="G05",
        code="x = " + "-" * 100000 + "1\n",
        largest=None,
    ),
]
