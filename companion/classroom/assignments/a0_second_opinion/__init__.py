"""Assignment 0: a second opinion on a tutorial that you trusted."""

from companion.classroom.assignments.a0_second_opinion.free import ALWAYS_OUTSIDE
from companion.classroom.assignments.a0_second_opinion.opinion import FINDING
from companion.classroom.assignments.a0_second_opinion.rows import IMPLIED
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a0-second-opinion",
    title="A second opinion on a tutorial you trusted",
    goals=(
        "read a training script as a reviewer: nine questions, one line each",
        "say what a score gives away to a model that has learned nothing",
        "compute from the rows of a printed table what its last line should have said",
    ),
    hours=(2, 3),
    preload=(),
    tasks=(FINDING, ALWAYS_OUTSIDE, IMPLIED),
    oral=(
        Oral(
            question="Choose one of your findings. What would change in the printed output if it were repaired?",
            gist="Often nothing in the loss curve; the score of always-O, the dev score, or repeatability changes.",
        ),
        Oral(
            question="Which of the faults makes the printed score too high, and which make the model worse?",
            gist="Too high: score, choice, padding in the score. Worse: labels, mask, zero, order, padding in the "
            "loss.",
        ),
        Oral(
            question="How could a model that has learned nothing reach 97 % here?",
            gist="Positions outside and padding are counted as successes; say the share of each.",
        ),
        Oral(
            question="The author says: but it works, look at the loss. What do you answer in two sentences?",
            gist="A falling loss says that some gradient points down. Ask for a number that could have come out wrong.",
        ),
        Oral(
            question="What did you take for a fault at first that was none?",
            gist="Any honest example; the point is to say what the line would have to do wrong.",
        ),
    ),
)
