"""The claims ledger: every claim has a verdict, every verdict its evidence, and no number of the FAQ is typed."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from claims_ledger import GENERATED, LEDGER, anchored
from companion.errors import CompanionError
from companion.evaluation.intervals import paired_difference, seeds_interval
from companion.experiments.records import load_record, values_of
from evidence import CLAIM_IDS, QUESTION_IDS, evidence, faults, places, places_of, read_claims, records_behind
from measured import measured

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
CLAIMS, PLACES = read_claims(), places()
FAQ = (ROOT / "book" / "outlook" / "faq.md").read_text(encoding="utf-8")
SUPPORT = re.compile(r"\{measured\}`|opinion\*|derived|not\s+yet\s+measured|cells below")


def test_every_claim_has_a_verdict_and_every_verdict_its_evidence():
    assert faults(CLAIMS, PLACES) == []
    assert len(CLAIM_IDS) == 41 and len(QUESTION_IDS) == 5 and len(CLAIMS) == 46
    behind = {name: evidence(claim, PLACES) for name, claim in CLAIMS.items()}
    assert sum(bool(cells) for cells in behind.values()) >= 30
    assert sum(len(seals) for cells in behind.values() for _, seals in cells) >= 60


def changed(name, **fields):
    return lambda claims, known: (claims | {name: replace(claims[name], **fields)}, known)


def without_seals(name):
    """The notebooks as they would be if no seal carried this claim."""

    def strip(claims, known):
        kept = [
            replace(place, seals=tuple(seal for seal in place.seals if name not in seal.ids), cell=place.cell)
            for place in known
        ]
        return claims, kept

    return strip


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (lambda claims, known: ({k: v for k, v in claims.items() if k != "K07"}, known), "K07 is missing"),
        (lambda claims, known: (claims | {"K99": replace(claims["K01"], id="K99")}, known), "K99 is no claim"),
        (changed("K05", verdict="probably"), "K05: 'probably' is no verdict"),
        (changed("K05", basis="felt"), "K05: say whether it is derived or measured"),
        (changed("K05", because=""), "K05: say what was seen"),
        (changed("K34", basis="measured"), "K34: an opinion is neither"),
        (changed("K41", open=""), "K41: say where it will be measured"),
        (changed("K06", verdict="not yet measured", basis="", open="soon"), "K06: not yet measured, and yet"),
        (changed("K19", cells=("book/walkthroughs/train-a-tagger#gone",)), "there is no cell"),
        (changed("K19", shows=("a line that no seal has",)), "K19: no seal says"),
        (changed("Q2", rests_on=("K77",)), "Q2: rests on K77"),
        (without_seals("K06"), "K06: has lost its evidence"),
        (lambda claims, known: (claims, [p for p in known if "learning-rate-sweep" not in p.records]), "lost its evid"),
    ],
)
def test_a_sabotaged_ledger_is_caught(sabotage, expected):
    found = faults(*sabotage(CLAIMS, PLACES))
    assert any(expected in fault for fault in found), found


def test_a_seal_that_names_an_unknown_claim_is_caught():
    place = next(place for place in PLACES if any("K05" in seal.ids for seal in place.seals))
    stray = replace(place, seals=(replace(place.seals[0], ids=("K50",)), *place.seals))
    assert faults(CLAIMS, [*PLACES, stray]) == [f"{place.name}: its seal carries K50, which is no claim"]


def test_the_pages_ask_for_every_part_and_name_records_that_are_there():
    asked = re.findall(r"^```\{claims-ledger\} (.+)$", (ROOT / f"{LEDGER}.md").read_text("utf-8"), flags=re.M)
    assert sorted(asked) == sorted({claim.group for claim in CLAIMS.values()} | {"summary"})
    assert {claim.claim for claim in CLAIMS.values()} == {" ".join(claim.claim.split()) for claim in CLAIMS.values()}
    drawn = {record for claim in CLAIMS.values() for place, _ in evidence(claim, PLACES) for record in place.records}
    assert len(drawn) >= 8
    assert [record for record in sorted(drawn) if not (ROOT / "data" / "records" / record).is_dir()] == []
    assert set(GENERATED) == {LEDGER, "book/outlook/faq"}


def _notebook() -> dict:
    def code(source, *outputs, name):
        return {"cell_type": "code", "id": name, "source": source, "metadata": {}, "outputs": list(outputs)}

    html = '<div class="ftc ftc-seal" data-ftc-claim="K05 H01"><style>…</style>…</div>'
    seal = {"output_type": "display_data", "data": {"text/html": html, "text/plain": "✓ the rate: 0.1 (at most 1)"}}
    waiting = {"data": {"text/html": '<div class="ftc ftc-seal ftc-waiting">', "text/plain": "not yet: it"}}
    return {
        "cells": [
            {"cell_type": "markdown", "id": "top", "source": "# A *chapter*\n\n## Rates · 学习率", "metadata": {}},
            code('cells = load_record("sweep")\nbest = max(cells)', name="load"),
            code('rates = [cells for cells in ("a", "b")]', name="other"),
            code(
                'def look(cells): return cells\nclaim("the rate", best, at_most=1, id="K05")',
                seal,
                waiting,
                name="rate",
            ),
            {"cell_type": "markdown", "id": "words", "source": "Read it.\n\n## Next", "metadata": {}},
            {"cell_type": "markdown", "id": "rates", "source": "### Rates", "metadata": {}},
        ]
    }


def test_a_cell_is_read_with_its_heading_its_seals_and_the_records_behind_it():
    found = {place.cell: place for place in places_of(Path("book/part/one.ipynb"), json.dumps(_notebook()))}
    rate = found["rate"]
    assert (rate.name, rate.title, rate.section) == ("book/part/one#rate", "A chapter", "Rates")
    assert (found["top"].section, found["words"].section) == ("Rates", "Rates"), (
        "a heading below a text is not above it"
    )
    assert [(seal.text, seal.ids) for seal in rate.seals] == [("the rate: 0.1 (at most 1)", ("K05", "H01"))]
    assert (found["load"].records, found["other"].records, rate.records) == (("sweep",), (), ("sweep",))


def test_records_are_followed_through_the_names_that_carry_them():
    behind: dict[str, set[str]] = {}
    cells = {
        'one, other = load_record("a"), {}\nplain = other': ("a",),
        'table = {}\ntable["x"] = f(two := load_record("b"))': ("b",),
        "def g(x): return x + two": ("b",),
        "for row in one: pass\nprint(row)": ("a",),
        "print(plain, other)": (),
        "print(table, g)": ("b",),
        "one = 0": (),
        "print(one)": (),
        'arms = read_arms("c")["x", 50]': ("c",),
    }
    assert {cell: records_behind(cell, behind) for cell in cells} == cells


def test_every_cell_gets_an_anchor_unless_a_heading_is_one():
    sources = ["".join(cell["source"]) for cell in json.loads(anchored(json.dumps(_notebook())))["cells"]]
    anchors = [source for source in sources if source.startswith("<div")]
    assert anchors == [f'<div class="cell-anchor" id="{name}"></div>' for name in ("load", "other", "rate", "words")]
    assert sources.index(anchors[2]) + 1 == sources.index(_notebook()["cells"][3]["source"])


def test_a_measured_number_is_that_of_the_record(tmp_path):
    cells = load_record("two-hundred-labels")
    tuned, frozen = (values_of(cells, "accuracy", system=system, labels=200) for system in ("tuned", "frozen"))
    expression = "two-hundred-labels: accuracy where system=tuned, labels=200"
    assert measured(expression) == f"{seeds_interval(tuned):.2f}"
    assert measured(f"{expression} minus system=frozen") == f"{paired_difference(tuned, frozen):+.2f}"
    for seed in (0, 1):
        name = Path("data/records/two-hundred-labels") / f"tuned-200-{seed}.json"
        (tmp_path / name.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert measured(expression, tmp_path).endswith("] (2 seeds)"), "fewer seeds than usual are said"


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("two-hundred-labels accuracy", ValueError),
        ("no-such-record: accuracy", CompanionError),
        ("two-hundred-labels: accuracy where system=tuned", CompanionError),
        ("two-hundred-labels: accuracy where system=guess, labels=200", CompanionError),
        ("two-hundred-labels: accurracy where system=tuned, labels=200", KeyError),
        ("learning-rate-sweep: unlabelled_f1 at rates 0.5 where arm=full", ValueError),
    ],
)
def test_a_number_that_no_record_has_is_refused(expression, kind):
    with pytest.raises(kind):
        measured(expression)


def unsupported(text: str) -> list[str]:
    """Statements of the FAQ without interval, derivation, cell, or the word opinion; and results that were typed."""
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    found = []
    for statement in map(str.strip, re.split(r"\n\n|\n\* ", plain)[3:]):
        if (
            statement.startswith("**")
            and not statement.startswith("**The sources say")
            and not SUPPORT.search(statement)
        ):
            found.append(f"no support: {statement[:60]}")
        typed = re.findall(r"\d+\.\d+|\d+(?:\.\d+)? ?%", re.sub(r"\{\w+\}`[^`]*`", "", statement))
        found += [f"typed: {number}" for number in typed]
    return found


def test_every_statement_of_the_faq_has_its_support_and_no_result_is_typed():
    assert unsupported(FAQ) == []
    assert len(re.findall(r"^## ", FAQ, flags=re.M)) == len(re.findall(r"^\(faq-q\d\)=$", FAQ, flags=re.M)) == 5
    assert len(expressions := re.findall(r"\{measured\}`([^`]+)`", FAQ)) >= 20
    assert all(re.fullmatch(r"[+−]?\d.*\](?: \(\d+ seeds\))?", measured(expression)) for expression in expressions)


@pytest.mark.parametrize(
    "line", ["**Warm-up helps.** It does.", "**It works**, an *opinion*: by 3.2 points.", "**x** 94 %"]
)
def test_an_unsupported_statement_is_caught(line):
    assert unsupported(f"{FAQ}\n\n{line}\n")


def side(text: str) -> str:
    """Where the interval of a difference lies, as the FAQ's sentences say it."""
    low, high = (float(end.replace("−", "-")) for end in re.search(r"\[(.+), (.+)\]", text).groups())
    return "above" if low > 0 else "below" if high < 0 else "holds 0"


def test_the_words_around_a_difference_are_those_of_its_interval():
    """A record that is measured again may turn a difference; then its sentence in the FAQ has to turn, too."""
    differences = [e for e in re.findall(r"\{measured\}`([^`]+)`", FAQ) if " minus " in e]
    told = {
        "two-hundred-labels: accuracy where system=tuned, labels=200 minus system=tfidf": "above",
        "two-hundred-labels: accuracy where system=tuned, labels=20 minus system=frozen": "holds 0",
        "lambda-front: f1 where world=new, arm=sequence minus arm=longer": "above",
        "hybrid-newsroom: accuracy where arm=sequence minus arm=longer": "below",
        "task-adaptive: score where corpus=crossner-ai, arm=adapted minus arm=plain-equal": "below",
        "task-adaptive: score where corpus=crossner-politics, arm=adapted minus arm=plain-equal": "below",
        "learning-rate-sweep: unlabelled_f1 at rates 0.003 where arm=full minus arm=no-warm-up": "holds 0",
        "learning-rate-sweep: unlabelled_f1 at rates 0.01 where arm=full minus arm=no-warm-up": "holds 0",
        "sentiment-learning-curve: macro_f1 where system=encoder, labels=1329 minus labels=100": "above",
        "few-labels-regularisers: score where corpus=newsroom, labels=800, arm=dropout-0 minus arm=plain": "above",
        "few-labels-regularisers: score where corpus=newsroom, labels=800, arm=smoothing-0.1 minus arm=plain": "above",
        "few-labels-regularisers: score where corpus=newsroom, labels=200, arm=dropout-0.3 minus arm=plain": "below",
        "adversarial-arms: score where corpus=newsroom, labels=200, arm=pgd minus arm=longer": "below",
        "constrained-methods: score where corpus=banking77, method=adapter, labels=50 minus method=full": "above",
        "constrained-methods: score where corpus=banking77, method=adapter, labels=800 minus method=full": "above",
    }
    assert {expression: side(measured(expression)) for expression in differences} == told
    assert [side(text) for text in ("+0.1 [+0.01, +0.2]", "−0.1 [−0.2, −0.01]", "0.00 [−0.1, +0.1]")] == [
        "above",
        "below",
        "holds 0",
    ]


@pytest.mark.pages
def test_every_link_of_the_ledger_leads_to_its_cell():
    page = HTML / f"{LEDGER}.html"
    if not page.is_file():
        pytest.skip("the book is not built: make book")
    ledger = page.read_text(encoding="utf-8")
    linked = {place for claim in CLAIMS.values() for place, _ in evidence(claim, PLACES)}
    assert len(linked) >= 40
    for place in linked:
        built = (HTML / f"{place.page}.html").read_text(encoding="utf-8")
        assert built.count(f'id="{place.cell}"') == 1, place.name
        assert f'{place.page.removeprefix("book/")}.html#{place.cell}"' in ledger, place.name
    assert [name for name in CLAIMS if f'id="{name.lower()}"' not in ledger] == []
