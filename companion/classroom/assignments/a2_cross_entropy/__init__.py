"""Assignment 2: the loss and its gradient by hand, for logits of any size, and one number for an epoch."""

from companion.classroom.assignments.a2_cross_entropy.epoch import EPOCH_NUMBER
from companion.classroom.assignments.a2_cross_entropy.slope import GRADIENT
from companion.classroom.assignments.a2_cross_entropy.surprise import CROSS_ENTROPY
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a2-cross-entropy",
    title="Cross-entropy, stable, and its gradient",
    goals=(
        "compute a cross-entropy from logits of any size without inf, nan or a floor",
        "write down its gradient as predicted minus wanted, and prove it against finite differences",
        "combine the losses of unequal batches so that every token counts once",
    ),
    hours=(2, 4),
    preload=(),
    tasks=(CROSS_ENTROPY, GRADIENT, EPOCH_NUMBER),
    oral=(
        Oral(
            question="Where in your lines would an overflow have happened, and why does it not?",
            gist="exp of a large logit. After the largest is taken off, the largest power is e to the 0.",
        ),
        Oral(
            question="Your neighbour clips probabilities at 1e-12. What does training do with a confident mistake "
            "there?",
            gist="The loss stands still at 27.6 and the gradient is 0: the worst rows teach nothing.",
        ),
        Oral(
            question="Why do the numbers of a row of the gradient sum to zero?",
            gist="Probabilities and targets both sum to 1; adding a constant to all logits changes nothing.",
        ),
        Oral(
            question="How would you convince me that your gradient is right, without PyTorch?",
            gist="Central differences in every logit, relative error about 1e-8 in double precision, also where p is "
            "tiny.",
        ),
        Oral(
            question="Two machines report the mean loss of their half of a batch. When may you average the two?",
            gist="Only with equally many counted tokens. Otherwise sums and counts travel, and one division comes "
            "last.",
        ),
        Oral(
            question="The loss of a fresh 7-label tagger starts at 2.9. What do you check?",
            gist="ln 7 is 1.95. Labels that count padding, a scaled head, a wrong number of classes.",
        ),
    ),
)
