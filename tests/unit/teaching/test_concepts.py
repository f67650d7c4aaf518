"""The concept map: its queries, the arrows it refuses, and its drawing."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from companion.errors import ConfigError
from companion.teaching import concept_map
from companion.teaching.concept_drawing import WIDTH, Layout
from companion.teaching.concept_table import CONCEPTS, KIND, RELATIONS, Concept, Diagram, Relation

BOOK = Path(__file__).parents[3] / "book"
MAP = concept_map()
EXTRA = Concept(
    name="instruction tuning",
    chinese="指令微调",
    definition="Fine-tuning on many tasks, written as instructions.",
    batch="several labelled tasks",
    minimised="cross-entropy with the next piece",
    trainable="any",
)


def test_every_method_has_three_choices_and_every_concept_a_chinese_name():
    methods = [concept for concept in CONCEPTS if concept.batch]
    assert len(methods) == 22 and len(CONCEPTS) == 30
    for concept in CONCEPTS:
        assert re.search("[\u4e00-\u9fff]", concept.chinese) and concept.definition.endswith(".")
        assert bool(concept.batch) == bool(concept.minimised) == bool(concept.trainable)
        assert any(concept.name in (relation.start, relation.end) for relation in RELATIONS)
    for concept in methods:
        assert (concept.trainable == "nothing") == (concept.minimised == "nothing") == (concept.batch == "nothing")


def test_kinds_train_no_more_than_what_they_are_a_kind_of():
    pairs = [
        (MAP[relation.start].trainable, MAP[relation.end].trainable)
        for relation in RELATIONS
        if relation.verb == KIND and MAP[relation.end].trainable
    ]
    assert len(pairs) == 15
    assert all(wider in ("any", kind) for kind, wider in pairs)


def test_which_finds_methods_by_their_choices():
    assert MAP.which(trainable="nothing") == ["prompting", "zero-shot prompting", "few-shot prompting"]
    assert "LoRA" in MAP.which(trainable="few", batch="labelled examples")
    assert MAP.which(batch="labelled and unlabelled") == ["hybrid fine-tuning"]
    for wrong in ({}, {"colour": "red"}, {"trainable": "half"}, {"batch": "air"}):
        with pytest.raises(ConfigError, match="concept map"):
            MAP.which(**wrong)


def test_a_kind_of_a_kind_is_a_kind():
    assert MAP.is_a("LoRA", "transfer learning") and MAP.is_a("LoRA", "LoRA")
    assert not MAP.is_a("fine-tuning", "LoRA")
    assert not MAP.is_a("zero-shot prompting", "supervised learning")
    assert MAP.above("LoRA")[:3] == ("LoRA", "parameter-efficient tuning", "fine-tuning")
    assert "prompt tuning" in MAP.below("fine-tuning") and "prompt tuning" not in MAP.below("prompting")


def test_a_path_is_a_chain_of_relations():
    path = MAP.path("LoRA", "zero-shot prompting")
    assert path[0] == Relation("LoRA", KIND, "parameter-efficient tuning")
    for one, other in itertools.pairwise(path):
        assert {one.start, one.end} & {other.start, other.end}
    assert "zero-shot prompting" in (path[-1].start, path[-1].end)
    assert MAP.path("LoRA", "LoRA") == []
    alone = MAP.with_concept(EXTRA)
    assert alone.path("LoRA", EXTRA.name) == alone.path(EXTRA.name, "LoRA") == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (
            "learning paradigms",
            [("零样本学习", "全参数微调"), ("少样本学习", "全参数微调"), ("模型更新", "大规模语言模型")],
        ),
        ("large-model ecosystem", [("大模型", "迁移学习")]),
        ("links between concepts", [("大语言模型", "对抗训练"), ("大语言模型", "正则化")]),
        ("hybrid concept map", [("微调", "Fine-Tuning"), ("Fine-Tuning", "Multitask Learning")]),
    ],
)
def test_wrong_arrows_of_the_sources(name, wrong):
    assert [(arrow.start, arrow.end) for arrow in MAP.wrong_edges(name)] == wrong
    diagram = MAP.diagrams[name]
    assert re.fullmatch(r"D\d\d", diagram.id) and diagram.document in range(1, 6)
    assert set("".join(diagram.arrows)) == set(diagram.boxes)


def test_relations_are_inherited_by_kinds_and_not_by_wider_ideas():
    assert str(MAP.relation("pre-trained model", "LoRA")) == "LoRA starts from pre-trained model"
    assert str(MAP.relation("regularisation", "BitFit")) == "regularisation changes the loss of BitFit"
    assert MAP.relation("transfer learning", "pre-trained model") is None
    assert MAP.relation("LoRA", "BitFit") is None


def test_a_diagram_of_your_own_can_be_compared():
    boxes = {"A": ("LoRA", "LoRA"), "B": ("PEFT", "parameter-efficient tuning"), "C": ("prompt", "prompting")}
    mine = Diagram(name="mine", boxes=boxes, arrows=("AB", "BA", "CA"))
    assert [(arrow.start, arrow.end) for arrow in MAP.wrong_edges(mine)] == [("prompt", "LoRA")]
    with pytest.raises(ConfigError, match=r"no diagram 'mine'\n.*learning paradigms"):
        MAP.wrong_edges("mine")


def test_a_larger_map_leaves_the_old_one_alone():
    larger = MAP.with_concept(EXTRA, (EXTRA.name, KIND, "fine-tuning"))
    assert larger.is_a(EXTRA.name, "supervised learning") and len(MAP.concepts) == len(larger.concepts) - 1
    assert EXTRA.name in Layout(larger).boxes
    with pytest.raises(ConfigError, match="no concept 'instruction tuning'"):
        MAP.about(EXTRA.name)


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ((EXTRA.name, "resembles", "fine-tuning"), "unknown verb"),
        ((EXTRA.name, KIND, "nonsense"), "no concept 'nonsense'"),
        ((EXTRA.name, KIND, EXTRA.name), "kind of itself"),
    ],
)
def test_a_map_that_is_none_is_refused(relation, message):
    with pytest.raises(ConfigError, match=message):
        MAP.with_concept(EXTRA, relation)
    with pytest.raises(ConfigError, match="twice"):
        MAP.with_concept(MAP["LoRA"])
    with pytest.raises(ConfigError, match="without the others"):
        MAP.with_concept(Concept(name="half", chinese="半", definition="Half.", batch="nothing"))
    with pytest.raises(ConfigError, match="choice 'half'"):
        MAP.with_concept(replace(EXTRA, trainable="half"))
    circle = (Relation("fine-tuning", KIND, "LoRA"), *RELATIONS)
    with pytest.raises(ConfigError, match="kind of itself"):
        concept_map(relations=circle)


def test_chapters_are_where_the_map_says():
    named = {concept.chapter for concept in CONCEPTS if concept.chapter}
    assert named == {"foundations/a-bert-from-scratch", "walkthroughs/train-a-tagger"}
    assert [chapter for chapter in named if not (BOOK / f"{chapter}.ipynb").is_file()] == []


def overlap(one, other):
    (a, b, c, d), (e, f, g, h) = one, other
    return a < e + g and e < a + c and b < f + h and f < b + d


def test_no_two_boxes_overlap_and_frames_hold_their_kinds():
    layout = Layout(MAP)
    assert len(layout.boxes) == 17 and len(layout.frames) == 5
    assert set(layout.boxes) | set(layout.frames) == {concept.name for concept in CONCEPTS if concept.batch}
    assert [pair for pair in itertools.combinations(layout.boxes.values(), 2) if overlap(*pair)] == []
    held = 0
    for name, (x, y, width, height) in layout.frames.items():
        for kind in MAP.below(name)[1:]:
            left, top, across, down = (layout.boxes | layout.frames)[kind]
            held += 1
            assert x <= left and y <= top and left + across <= x + width and top + down <= y + height
        outside = [layout.boxes[other] for other in layout.boxes if not MAP.is_a(other, name)]
        assert not [place for place in outside if overlap(place, layout.frames[name])]
    assert held == 19
    assert max(x + width for x, _, width, _ in layout.boxes.values()) <= WIDTH <= 370


def test_the_place_of_a_box_is_its_third_choice():
    layout = Layout(MAP)
    assert layout.boxes["zero-shot prompting"][0] < layout.boxes["LoRA"][0] < layout.boxes["full fine-tuning"][0]
    assert layout.boxes["hybrid fine-tuning"][2] > 2 * layout.boxes["full fine-tuning"][2]


def test_the_drawing_is_sound_and_says_everything_as_text(outline):
    page = outline(MAP.html())
    shown = "".join(page.text)
    for concept in CONCEPTS:
        assert concept.definition in shown and concept.chinese in shown
    for relation in RELATIONS:
        assert str(relation) in shown and str(relation) in MAP.text()
    assert [name for _, name, value in page.attributes if (name, value) == ("role", "img")]
    assert page.tags.count("summary") == 2 and "script" not in page.tags
    assert MAP.html() == concept_map().html() and len(MAP.html()) < 25_000


def test_a_card_says_all_there_is(outline):
    text = MAP.about("LoRA").text()
    assert text.startswith("LoRA 低秩适应\nTraining a low-rank update") and "trainable: few" in text
    assert "taught in: walkthroughs/train-a-tagger" in MAP.about("fine-tuning").text()
    assert "in the batch" not in MAP.about("task head").text()
    assert "LoRA is a kind of parameter-efficient tuning" in "".join(outline(MAP.about("LoRA").html()).text)


def test_hostile_names_stay_text(outline, hostile):
    concept = Concept(name=hostile, chinese=hostile, definition=hostile)
    larger = MAP.with_concept(concept, (hostile, KIND, "fine-tuning"))
    for html in (larger.html(), larger.about(hostile).html()):
        page = outline(html)
        assert "img" not in page.tags and hostile in "".join(page.text)
