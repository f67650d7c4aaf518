"""Assignment 4: a training loop that runs and is wrong; its faults are revealed one at a time."""

from companion.classroom.assignments.a4_training_loop.repair import TRAIN
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a4-training-loop",
    title="Repair the training loop",
    goals=(
        "read a training loop against its specification, line by line",
        "find faults that lower the loss, raise no error and change no shape",
        "write for each of them the smallest experiment that shows it",
    ),
    hours=(3, 4),
    tasks=(TRAIN,),
    oral=(
        Oral(
            question="Which of the faults would you have seen in the loss curve, and which never?",
            gist="Kept gradients: perhaps, as swinging. Leftovers, early clipping, the best that is the last: hardly "
            "ever.",
        ),
        Oral(
            question="Show me the smallest input on which a mean of means is wrong.",
            gist="Two batches of 1 and 2 rows in one window.",
        ),
        Oral(
            question="Why does clipping before the window is complete make the result depend on the order of batches?",
            gist="What came early is cut several times, what comes last at most once; a sum does not know an order.",
        ),
        Oral(
            question="`best = weights`: which test would have caught it, and what does the listing return instead?",
            gist="A run whose dev loss rises at the end. It returns the last weights under the name of the best.",
        ),
        Oral(
            question="I halve the batch size and double `accumulate`. What must stay the same, and does it in your "
            "loop?",
            gist="The same rows make the same update: weights and losses are equal to rounding, if windows are made "
            "alike.",
        ),
    ),
)
