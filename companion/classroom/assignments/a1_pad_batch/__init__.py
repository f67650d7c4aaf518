"""Assignment 1: from sentences of different lengths to one rectangle, and back to one vector a sentence."""

from companion.classroom.assignments.a1_pad_batch.budget import BATCHES
from companion.classroom.assignments.a1_pad_batch.pooling import POOL
from companion.classroom.assignments.a1_pad_batch.rectangle import PAD_BATCH
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a1-pad-batch",
    title="One rectangle: batches, padding and masks",
    goals=(
        "turn sentences of different lengths into one batch, and say which of its positions are real",
        "keep what stands at padding out of every sum, mean and maximum",
        "cut a corpus into batches that fit a memory budget, and say what padding costs",
    ),
    hours=(2, 3),
    preload=(),
    tasks=(PAD_BATCH, POOL, BATCHES),
    oral=(
        Oral(
            question="Your mask comes from lengths. Show me a batch for which a mask made from ids would be wrong.",
            gist="A real piece with the id `pad_id`, as when [PAD] is used for end-of-text, or a tokenizer without a "
            "pad token borrows another one.",
        ),
        Oral(
            question="I delete the mask from the call. Which sentences of the batch get other vectors, and which do "
            "not?",
            gist="All that were padded change, for attention sees padding; the longest row does not.",
        ),
        Oral(
            question="Why does your pooling give zeros for a sentence without pieces, and not nan?",
            gist="0/0; one nan makes the batch's loss and every weight nan. Zeros are a decision, said in the "
            "statement.",
        ),
        Oral(
            question="A budget in rows or in pieces: which keeps memory bounded, and what changes for the gradient?",
            gist="Pieces times width bound memory. Then batches differ in rows, so losses are summed and divided by "
            "counts.",
        ),
        Oral(
            question="Sort by length: what do you gain, and what might you lose?",
            gist="Less padding. Batches are then alike inside (length goes with topic or source); shuffle within "
            "buckets.",
        ),
    ),
)
