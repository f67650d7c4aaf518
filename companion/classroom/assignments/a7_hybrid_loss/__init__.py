"""Assignment 7: two losses in one, a weight that moves, and a study that chooses it."""

from companion.classroom.assignments.a7_hybrid_loss.course import WEIGHTS
from companion.classroom.assignments.a7_hybrid_loss.joint import JOINT_LOSS
from companion.classroom.assignments.a7_hybrid_loss.study import CHOOSE
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a7-hybrid-loss",
    title="A hybrid loss, and the study of its weight",
    goals=(
        "join two losses whose counts differ by a factor of fifty, without drowning one of them",
        "let the weight of a term run over training, from the first update to the last",
        "choose a weight from a study with several seeds, and say what the choice has cost",
    ),
    hours=(2, 4),
    preload=(),
    tasks=(JOINT_LOSS, WEIGHTS, CHOOSE),
    oral=(
        Oral(
            question="Your window is cut into three pieces in place of two. Which of your numbers change?",
            gist="None: sums and counts are added first. A mean of means would change.",
        ),
        Oral(
            question="Why does each term have a count of its own?",
            gist="Labelled positions are few. In one pot the masked ones rule, and how much depends on the masking "
            "rate.",
        ),
        Oral(
            question="You report the dev score of the chosen weight. What is wrong with that?",
            gist="It is the best of many: optimistic. Report test, from texts that chose nothing.",
        ),
        Oral(
            question="A falling weight beat a constant one. What should you have compared it with?",
            gist="A constant of the same mean weight, and as many seeds.",
        ),
        Oral(
            question="When would you expect the second term to help, and how would you find out that it does not?",
            gist="Few labels, much unlabelled text of the same kind. Weight 0 belongs in the study, paired by seed.",
        ),
    ),
)
