"""The table auditor: the page's own audit, the widget and the package say the same of every table."""

import json
from dataclasses import asdict

import pytest

from companion.errors import EvaluationError
from companion.evaluation.forensics import PRINTED_TABLE, audit_table
from companion.experiments import forensics_trial as trial
from companion.teaching import table_auditor
from companion.teaching.auditor import script
from tests.chromium import CHROMIUM, logged

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here to run the piece's script")
HEAD = "precision recall f1-score support\n"
EQUAL = (
    HEAD + "a 0.940 0.940 0.940 500\nb 0.940 0.940 0.940 500\naccuracy 0.940 1000\nmacro avg 0.940 0.940 0.940 1000\n"
)
BY_HAND = (
    PRINTED_TABLE,
    EQUAL,
    HEAD + "a 0.9 1.2 0.9 10\n",
    HEAD + "a 0.5 0.5 0.6 10\nb 0.00 0.00 0.00 0\n",
    HEAD + "a 0.90 0.90 0.95\nb 0.5 0.5 0.5\n",
    HEAD + "a 0.10 0.10 0.10 90\nb 0.02 0.10 0.03 10\naccuracy 0.10 100\n",
    HEAD + "a 1.00 0.50 0.67 10\nb 0.50 1.00 0.67 10\nmacro 0.75 0.75 0.75 20\nmicro 0.67 0.75 0.71 21\n",
    HEAD + "a 0.00 0.30 0.00 10\nb 0.00 0.00 0.00 3\nmicro avg 0.90 0.00 0.00 13\nsamples avg 0.1 0.1 0.1 13\n",
    HEAD + "a 0.67 0.67 0.67 3\nb 0.50 0.50 0.50 2\naccuracy 0.60 5\nweighted avg 0.61 0.60 0.60 5\n",
    "| class | P (%) | R (%) | F1 (%) | n |\n|---|---|---|---|---|\n| **x** | 89.4 | 89.4 | 89.4 | 1,835 |\n"
    "| y | 1 | 2 | 3 | 8 |\n",
    ",precision,recall,f1-score,support\na,0.5,0.25,0.3333333333333333,4.0\naccuracy,0.5,0.5,0.5,0.5\n"
    "macro avg,0.5,0.25,0.33,4.0\n",
    "a;0,894;0,894;0,894;835\nb;0,5;0,5;0,5;4\n",
    "0 0.9 0.8 0.85 10\n1 0.9 0.8 0.85 10\n",
    HEAD + "a 0.3 0.3 0.3 3\nb 0.0 0.0 0.0 3\naccuracy 0.2 6\nweighted avg 0.2 0.2 0.2 6\n",
    HEAD + "a 0.0 0.0 0.0 4\nb 1.0 1.0 1.0 4\naccuracy 0.6 8\nweighted avg 0.5 0.5 0.5 8\n",
    HEAD + "a 0.60 0.60 0.60 5\nO 0.60 0.60 0.60 5\nmicro avg 0.6 0.6 0.6 10\nweighted avg 0.6 0.61 0.6 10\n",
    "",
    HEAD,
    HEAD + "a 0.9 0.8 10\n",
    HEAD + "a 0.9 x 0.8 10\n",
    HEAD + "accuracy 0.9 10\n",
    HEAD + "accuracy 0.9 10\nacc 0.9 10\n",
    "a,precision,recall,f1\nb,0.5,x,0.5\n",
    "class,precision,recall,f1,support\nb,0.5,0.5,0.5,1.5\n",
)


def by_python(text):
    try:
        audit = audit_table(text)
    except EvaluationError as error:
        return {"error": error.problem}
    findings = [{"level": found.level, **asdict(found)} for found in audit.findings]
    return {"summary": audit.summary, "closed": audit.closed, "notes": list(audit.notes), "findings": findings}


def by_the_page(texts, folder, source=None):
    drive = """
    const all = TABLES.map((text) => {
      try {
        const {summary, closed, notes, findings} = audit(text);
        return {summary, closed, notes, findings};
      } catch (error) {
        if (error.name !== "TableError") throw error;
        return {error: error.message};
      }
    });
    document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
    document.getElementById("log").textContent = JSON.stringify(all);
    """.replace("TABLES", json.dumps(list(texts)))
    return logged(f"<script>(function(){{{source or script()}{drive}}})();</script>", folder)


def generated(count):
    for number in range(count):
        for style, largest in (("scikit-learn", 60), ("seqeval", 5_000), ("seqeval", 8)):
            draw = trial._generator(style, 9, number)
            honest = trial.honest_table(style, draw, largest)
            yield honest
            yield trial.change_one(honest, draw)[1]
            yield trial.change_one(trial.change_one(honest, draw)[1], draw)[1].replace("macro avg", "Macro")


@needs_chromium
def test_the_page_finds_what_python_finds(tmp_path):
    texts = [*BY_HAND, *generated(12)]
    expected = [by_python(text) for text in texts]
    assert len(texts) >= 120
    for text, page, python in zip(texts, by_the_page(texts, tmp_path), expected, strict=True):
        assert page == python, text
    kinds = {found["kind"] for result in expected for found in result.get("findings", ())}
    assert kinds >= {"out-of-range", "recall", "precision", "f1", "f1-outside", "support-total", "average"}
    assert kinds >= {"joint", "predicted-total", "below-baseline", "equal-metrics", "other-definition", "errors"}
    assert sum("error" in result for result in expected) >= 6
    assert sum(not result.get("findings", True) for result in expected) >= 15


@needs_chromium
def test_a_page_with_another_tolerance_would_be_noticed(tmp_path):
    loose = script().replace("digits<=FULL_DIGITS?1n", "digits<=FULL_DIGITS?2n")
    assert loose != script()
    assert by_the_page([PRINTED_TABLE], tmp_path, loose) != [by_python(PRINTED_TABLE)]


def test_text_and_page_say_what_is_found(outline):
    piece = table_auditor(PRINTED_TABLE)
    assert piece.text().splitlines()[0] == "Audit a results table:"
    assert str(audit_table(PRINTED_TABLE)) in piece.text()
    page = outline(piece.html())
    audit = audit_table(PRINTED_TABLE)
    assert page.tags.count("li") == len(audit.findings)
    assert page.tags.count("textarea") == page.tags.count("script") == 1
    assert page.tags.count("tr") == 1 + len(audit.table.rows) + len(audit.table.averages)
    assert [tag for tag, name, value in page.attributes if (name, value) == ("aria-live", "polite")] == ["p", "ul"]
    assert page.tags.count("label") == 1 and ("div", "tabindex", "0") in page.attributes
    lit = [value for tag, name, value in page.attributes if tag == "td" and name == "class"]
    told = {(found.line, found.column) for found in audit.findings if found.line and found.column}
    assert len(lit) == len(told) >= 3 and set(lit) == {"ftc-impossible"}
    assert "".join(page.text).count("impossible") > len(lit)
    assert piece.html() == table_auditor(PRINTED_TABLE).html()


def test_the_widget_follows_the_field():
    field, told = table_auditor(PRINTED_TABLE).widget().children
    assert audit_table(PRINTED_TABLE).summary in told.value
    field.value = HEAD + "a 0.50 0.50 0.50 10\n"
    assert "Nothing found" in told.value and "<li" not in told.value
    field.value = HEAD + "a 0.50 <b> 0.50 10\n"
    assert "This cannot be read" in told.value and "line 2" in told.value and "<b>" not in told.value


def test_what_cannot_be_read_is_refused():
    with pytest.raises(EvaluationError, match="line 2"):
        table_auditor(HEAD + "a 0.9 x 0.8 10\n")


def test_names_are_escaped(outline, hostile):
    name = hostile.replace("|", "")
    piece = table_auditor(f"| | precision | recall | f1 | support |\n| {name} | 0.5 | 0.5 | 0.9 | 10 |\n")
    page = outline(piece.html())
    assert "img" not in page.tags
    assert page.tags.count("script") == 1


DRIVE = """<script>
const root = document.querySelector(".ftc-audit"), field = root.querySelector("textarea");
const texts = (at) => [...root.querySelectorAll(at)].map((one) => one.textContent);
const state = () => ({
  live: root.classList.contains("ftc-live"), value: field.value, outcome: texts(".ftc-outcome")[0],
  reasons: texts("li"), rows: texts("tbody th"), notes: texts(".ftc-notes")[0],
  lit: texts("tbody .ftc-impossible,tbody .ftc-suspicious"),
  table: root.querySelector("table").innerHTML, list: root.querySelector("ul").innerHTML,
});
const log = [state()];
const type = (text) => { field.value = text; field.dispatchEvent(new Event("input")); log.push(state()); };
type(field.value.replace("0.894", "0.893").replace("0.838", "0.837"));
type("nothing of a table");
type("precision recall f1 support\\n<img src=x> 0.50 0.50 0.50 10");
document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
document.getElementById("log").textContent = JSON.stringify(log);
</script>"""


@needs_chromium
def test_the_field_on_the_page_is_followed(tmp_path):
    piece = table_auditor(PRINTED_TABLE)
    start, corrected, broken, hostile = logged(f"{piece.html()}{DRIVE}", tmp_path)
    audit = audit_table(PRINTED_TABLE)
    assert start["live"] and start["value"] == PRINTED_TABLE
    # The script draws over what Python drew, to the letter.
    assert start["table"] in piece.html() and start["list"] in piece.html()
    assert start["outcome"] == audit.summary and start["notes"] == ". ".join(audit.notes)
    assert len(start["lit"]) > len(corrected["lit"]) > 0
    assert "✗ impossible 0.894" in start["lit"] and not any("0.893" in text for text in corrected["lit"])
    assert broken["outcome"].startswith("This cannot be read: ") and broken["reasons"] == broken["rows"] == []
    assert hostile["rows"] == ["<img src=x>"] and "<img" not in hostile["table"]
