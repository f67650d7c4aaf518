"""Assignment 5: entity F1 without a library, from tags to an interval."""

from companion.classroom.assignments.a5_entity_f1.balance import SCORE
from companion.classroom.assignments.a5_entity_f1.found import ENTITIES
from companion.classroom.assignments.a5_entity_f1.interval import INTERVAL
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a5-entity-f1",
    title="Entity F1, without a library",
    goals=(
        "read entities off a row of tags that no one has checked",
        "compute precision, recall and F1 of entities, and say what was averaged over",
        "put an interval around a score, and say what it does and does not promise",
    ),
    hours=(3, 4),
    preload=(),
    tasks=(ENTITIES, SCORE, INTERVAL),
    oral=(
        Oral(
            question="Your tagger gives `O I-LOC`. What does your function find, what would the other reading find, "
            "and when does the choice matter most?",
            gist="Strict: nothing; lenient: a place. Early in training, or with a model without transition "
            "constraints.",
        ),
        Oral(
            question="A paper reports 97 % for a tagger that others report at 92. Which three questions do you ask?",
            gist="Tokens or entities; with or without O; micro or macro; also test set, padding, lenient reading.",
        ),
        Oral(
            question="Why is half an entity worse than none, in your score?",
            gist="It is a false positive and a false negative: precision and recall both suffer.",
        ),
        Oral(
            question="Two systems' intervals overlap. Are they equally good?",
            gist="Not shown. The same sentences were used: draw the *difference* in pairs; it is far less noisy.",
        ),
        Oral(
            question="What does your interval say nothing about?",
            gist="Another seed, another domain, labels that are wrong. It draws sentences of this test set only.",
        ),
    ),
)
