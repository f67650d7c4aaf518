"""Assignment 3: labels meet word pieces, there and back, and in whichever spelling is asked for."""

from companion.classroom.assignments.a3_align_labels.pieces import ALIGN_LABELS
from companion.classroom.assignments.a3_align_labels.spelling import RESPELL
from companion.classroom.assignments.a3_align_labels.words import TO_WORDS
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a3-align-labels",
    title="Labels meet word pieces",
    goals=(
        "carry the labels of words over to pieces, through gaps, windows and cut ends",
        "read a model's answers back, one for each word, without moving any",
        "respell entities between schemes, and say what each scheme cannot say",
    ),
    hours=(2, 3),
    preload=(),
    tasks=(ALIGN_LABELS, TO_WORDS, RESPELL),
    oral=(
        Oral(
            question="Show me the line of yours that would break if a word had no piece. Why does it not?",
            gist="Tags are looked up by the number in word_ids, never taken one after the other.",
        ),
        Oral(
            question="What is the difference between `O` and -100, for the loss and for the model?",
            gist="O is a target: the position counts, and the model is taught 'outside'. -100 takes it out of sum and "
            "count.",
        ),
        Oral(
            question="You trained on first pieces and read off the last. What would you see in the score?",
            gist="Words of several pieces, mostly names, are read where nothing was promised. Recall of rare names "
            "falls.",
        ),
        Oral(
            question="How would you count, over a corpus, that no label was lost?",
            gist="A ledger: words in = words labelled + words rejected by name; entities in = entities out.",
        ),
        Oral(
            question="Which entities can IO not spell, and how often do they occur in your corpus?",
            gist="Touching ones of one kind. Count them before choosing; lists of names have many.",
        ),
    ),
)
