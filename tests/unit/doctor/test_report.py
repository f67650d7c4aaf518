"""The report: text, page, JSON and annotations say the same, and nothing in them can do harm."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import companion
from companion.doctor import PROBES, Finding, Healthy, Report, Unchecked, page
from companion.errors import ConfigError
from companion.teaching import theme
from tests.tiny import tiny_tagger

ROOT = Path(__file__).resolve().parents[3]


def finding(severity: str, **numbers: float) -> Finding:
    return Finding(
        probe="a, b: c",
        severity=severity,
        measured="50 % of <script>alert(1)</script>\nare wrong",
        advice="Put & right.",
        page="book/x#y",
        numbers=numbers,
    )


def report_with(*severities: str) -> Report:
    return Report(
        findings=tuple(finding(severity, share=0.5, bad=float("nan")) for severity in severities),
        healthy=(Healthy(probe="h", measured="3 of 3", page="book/x"),),
        not_checked=(Unchecked(probe="u", reason="no <b>loader</b>"),),
    )


def test_the_json_follows_its_schema():
    told = json.loads(report_with("error", "note").to_json())
    assert list(told) == ["schema", "exit_code", "summary", "findings", "healthy", "not_checked"]
    assert (told["schema"], told["exit_code"]) == (1, 1)
    assert list(told["findings"][0]) == ["probe", "severity", "measured", "advice", "page", "numbers", "place"]
    assert told["findings"][0]["numbers"] == {"share": 0.5, "bad": None}
    assert told["healthy"] == [{"probe": "h", "measured": "3 of 3", "page": "book/x"}]
    assert told["not_checked"] == [{"probe": "u", "reason": "no <b>loader</b>"}]
    assert told["summary"] == "1 error, 1 note; 1 healthy, 1 not checked."


@pytest.mark.parametrize(
    ("found", "code", "error", "warning", "note"),
    [
        ((), 0, False, False, False),
        (("note",), 0, False, False, True),
        (("warning",), 0, False, True, True),
        (("error", "note"), 1, True, True, True),
    ],
)
def test_exit_codes(found: tuple[str, ...], code: int, error: bool, warning: bool, note: bool):
    report = report_with(*found)
    assert report.exit_code == code
    assert [report.fails(severity) for severity in ("error", "warning", "note")] == [error, warning, note]


def test_annotations_are_one_line_each_and_escaped():
    lines = report_with("error", "warning", "note").annotations("data/a:b,c.conll")
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::notice"]
    assert "file=data/a%3Ab%2Cc.conll,title=companion doctor%3A a%2C b%3A c::50 %25 of" in lines[0]
    assert lines[0].endswith("are wrong%0APut & right.%0Abook/x#y")
    assert not any("\n" in line for line in lines)


def test_the_page_escapes_what_it_shows():
    page = report_with("error")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "no &lt;b&gt;loader&lt;/b&gt;" in page
    assert page.count("<details>") == 2


def test_the_page_has_the_colours_of_the_book_and_says_severity_in_words():
    shown = {name: theme.TOKENS[name] for name in page.TOKENS}
    assert shown == page.TOKENS
    told = report_with("error", "warning", "note")._repr_html_()
    assert [told.count(f'class="finding {word}"') for word in ("error", "warning", "note")] == [1, 1, 1]
    assert set(re.findall(r"var\(--ftc-([a-z-]+)\)", told)) <= set(page.TOKENS)
    assert 'data-theme="dark"' in told
    assert "prefers-color-scheme:dark" in told
    assert "http" not in told


def test_a_place_is_shown_everywhere():
    placed = replace(finding("error"), file="a,b.ipynb", cell=3, line=2, raw_line=40)
    report = Report(findings=(placed,), healthy=(), not_checked=())
    assert "(a,b.ipynb, cell 3, line 2)" in str(report)
    assert "a,b.ipynb, cell 3, line 2" in report._repr_html_()
    assert report.to_dict()["findings"][0]["place"] == {"file": "a,b.ipynb", "cell": 3, "line": 2}
    [line] = report.annotations()
    assert line.startswith("::error file=a%2Cb.ipynb,line=40,title=companion doctor")
    assert "::a,b.ipynb, cell 3, line 2%0A50 %25 of" in line


def test_text_has_the_finding_its_remedy_and_its_page():
    text = str(report_with("warning"))
    assert "! a, b: c: 50 % of" in text
    assert "→ Put & right." in text
    assert "why: book/x#y" in text
    assert "✓ h: 3 of 3" in text
    assert "– not checked: u: no <b>loader</b>" in text


def test_what_is_very_long_loses_its_middle_in_the_text_and_not_in_the_json():
    name = "B-" + "X" * 5_000
    long = replace(report_with("error").findings[0], measured=f"{name} is {'very ' * 900}long.")
    report = Report(
        findings=(long,),
        healthy=(Healthy(probe="h", measured=name, page="book/x"),),
        not_checked=(Unchecked(probe="u", reason=f"raised {name}\nin two lines"),),
    )
    lines = str(report).splitlines()
    assert len(lines) == 6
    assert max(map(len, lines)) < 700
    assert "X…X" in lines[1]
    assert lines[1].endswith("very long.")
    told = json.loads(report.to_json())
    assert told["findings"][0]["measured"] == long.measured
    assert told["healthy"][0]["measured"] == name
    short = report_with("warning")
    assert "…" not in str(short)


def test_help_names_the_parts():
    names = list(inspect.signature(companion.doctor).parameters)
    assert names[:3] == ["model", "loader", "step"]
    assert {"accumulate", "train", "score", "only"} <= set(names)


def test_every_public_name_says_where_it_is_taught():
    last = "Taught in: book/engineering/a-second-opinion"
    tables = {"PROBES": "probes/__init__.py", "RULES": "reading/rules/__init__.py"}
    home = Path(companion.doctor.__file__).parent
    for name in companion.doctor.__all__:
        found = getattr(companion.doctor, name)
        told = (home / tables[name]).read_text("utf-8") if name in tables else found.__doc__
        assert told.rstrip().removesuffix('"""').rstrip().endswith(last), name
    assert len(companion.doctor.__all__) == 11


def test_what_was_not_handed_over_is_said():
    report = companion.doctor()
    assert report.findings == ()
    assert report.healthy == ()
    assert len(report.not_checked) == len(PROBES)
    assert all(one.reason for one in report.not_checked)


def test_each_probe_is_in_exactly_one_list():
    report = companion.doctor(tiny_tagger(), learning_rate=1e-3)
    names = [one.probe for one in (*report.healthy, *report.not_checked)] + [*{one.probe for one in report.findings}]
    assert sorted(names) == sorted(probe.name for probe in PROBES)


def test_probes_say_what_they_are_and_name_pages_and_cells_that_exist():
    seen = 0
    for probe in PROBES:
        assert probe.question.endswith("?")
        assert all((probe.needs, probe.costs, probe.proves))
        page, _, cell = probe.page.partition("#")
        path = ROOT / f"{page}.ipynb"
        if cell:
            cells = [one.get("id") for one in json.loads(path.read_text("utf-8"))["cells"]]
            assert cell in cells, probe.page
        assert path.exists() or path.with_suffix(".md").exists(), probe.page
        seen += 1
    assert seen == len({probe.name for probe in PROBES}) == 25


def test_every_probe_file_is_registered():
    files = {path.stem for path in (ROOT / "companion" / "doctor" / "probes").glob("*.py")} - {"__init__"}
    assert {re.sub(r".*\.", "", probe.examine.__module__) for probe in PROBES} == files


@pytest.mark.parametrize(
    "wrong",
    [
        {"only": ["no such probe"]},
        {"accumulate": 0},
        {"processes": 1.5},
        {"epoch": 3},
        {"metric_takes": "words"},
        {"metric": 3},
        {"model": "a path"},
        {"step": lambda a, b, c: None},
        {"evaluate": lambda a, b: None},
    ],
)
def test_wrong_arguments_are_refused(wrong: dict):
    with pytest.raises(ConfigError):
        companion.doctor(**wrong)
