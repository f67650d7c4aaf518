"""The jail keeps its promises, says so, and refuses where it cannot; a broken promise would be seen."""

from __future__ import annotations

import json
import socket

import pytest

from companion.classroom import isolation, jail, probe
from companion.classroom.isolation import Answers, Limits, Sandbox, read_answers
from companion.classroom.probe import isolation_report, judged
from companion.errors import IsolationError

able = pytest.mark.skipif(isolation.refused() is not None, reason=str(isolation.refused()))
OUTCOME = {"status": "finished", "seconds": 0.1, "memory": 0}


@able
def test_every_promise_is_kept_here() -> None:
    found = isolation_report()
    assert found.isolated, str(found)
    assert len(found.promises) == 14
    assert found.to_dict()["isolated"]
    assert str(found).count("✓") == 14


def test_an_intruder_that_gets_through_is_reported() -> None:
    loose = {
        0: [0, 0, [0]], 1: [1, 7], 2: ["PATH", "COMPANION_SECRET"], 3: ["000001ffffffffff", "0", "0", "0"], 4: "read",
        5: "read", 6: "read", 7: "written", 8: "connected", 9: "done", 10: 20, 11: 40, 12: 600, 13: None,
    }  # fmt: skip
    answers = Answers(status="time", calls={number: {"value": value} for number, value in loose.items()})
    assert [promise.kept for promise in judged(answers, 1)] == [False] * 14
    assert [promise.kept for promise in judged(Answers(status="died"), 0)] == [False] * 14


def test_where_it_cannot_isolate_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(isolation.platform, "system", lambda: "Linux")
    monkeypatch.setattr(isolation.platform, "machine", lambda: "x86_64")
    with pytest.raises(IsolationError, match="only by root") as refusal, Sandbox():
        pass
    assert "docker run" in refusal.value.remedy
    assert "only by root" in str(isolation_report())
    monkeypatch.setattr(isolation.platform, "system", lambda: "Darwin")
    with pytest.raises(IsolationError, match="Darwin"), Sandbox():
        pass
    monkeypatch.setattr(isolation.platform, "system", lambda: "Linux")
    monkeypatch.setattr(isolation.platform, "machine", lambda: "riscv64")
    with pytest.raises(IsolationError, match="riscv64"), Sandbox():
        pass
    assert not isolation_report().isolated


@able
def test_a_system_that_cannot_run_what_is_right_grades_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IsolationError, match="no_such_module"), Sandbox(preload=("no_such_module",)):
        pass
    monkeypatch.setattr(Sandbox, "run", lambda *_, **__: Answers(status="finished"))
    with pytest.raises(IsolationError, match="gets no answer here"), Sandbox():
        pass


@able
def test_memory_is_bounded_over_all_processes_together() -> None:
    code = """
import os, time
def share():
    for _ in range(3):
        if os.fork() == 0:
            held = b"x" * (60 << 20)
            time.sleep(30)
    time.sleep(30)
"""
    limits = Limits(wall=40.0, memory=128 << 20)
    with Sandbox() as sandbox:
        answers = sandbox.run([code], [("share", [])], functions=[], limits=limits)
        assert answers.status == "memory"
        assert answers.seconds < limits.wall
        alone = sandbox.run(["def f(): return len(b'x' * (60 << 20))"], [("f", [])], functions=[], limits=limits)
    assert alone.calls[0]["value"] == 60 << 20, "what one may hold, three may not"


def test_the_intruder_gets_through_where_there_is_no_jail() -> None:
    names: dict = {}
    exec(compile(probe.INTRUDER, "intruder", "exec"), names)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert names["connects"]("127.0.0.1", server.getsockname()[1]) == "connected"
    assert names["reads"]("/etc/passwd") == "read"
    assert len(names["processes"]()) > 1
    assert probe.processes_of([isolation.os.getuid()]) > 0, "the count of processes sees those that are there"


def test_only_known_lines_are_believed() -> None:
    lines = [
        {"read": {"predictions": {"f": "A"}}},
        {"read": {"predictions": {"f": "B"}}},
        {"failed": [{"names": []}, 3]},
        {"failed": []},
        {"call": 0, "value": 1},
        {"call": 0, "value": 2},
        {"call": True, "value": 3},
        {"call": 7, "value": 3},
        {"call": "1", "value": 3},
        {"refused": "nothing of the kind"},
        [1],
    ]
    written = b"\n".join([*(json.dumps(line).encode() for line in lines), b"\xff{", b"[" * 100_000, b"1" * 5000, b""])
    answers = read_answers(written, OUTCOME, 2)
    assert answers.read == {"predictions": {"f": "A"}}
    assert answers.failed == [{"names": []}]
    assert answers.calls == {0: {"call": 0, "value": 1}}
    with pytest.raises(IsolationError, match="refuses"):
        read_answers(b'{"refused": "mount"}\n', OUTCOME, 1)


def test_the_filter_is_a_program_for_each_kind_of_machine() -> None:
    for machine, refused in jail.REFUSED.items():
        program = jail.filter_program(machine)
        assert len(program) % 8 == 0
        assert len(program) // 8 == 2 * len(refused) + 13
        assert len(set(refused.values())) == len(refused) > 30
    assert set(jail.REFUSED["x86_64"]) == set(jail.REFUSED["aarch64"])
    with pytest.raises(OSError, match="riscv64"):
        jail.filter_program("riscv64")
