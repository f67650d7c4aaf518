"""Assignment 6: a linear layer with a low-rank adapter, counted, computed and merged."""

from companion.classroom.assignments.a6_lora_linear.counting import COUNT_TRAINABLE
from companion.classroom.assignments.a6_lora_linear.merged import MERGE
from companion.classroom.assignments.a6_lora_linear.thin import LORA_FORWARD
from companion.classroom.tasks import Assignment, Oral

ASSIGNMENT = Assignment(
    slug="a6-lora-linear",
    title="LoRA: a linear layer, and the merge",
    goals=(
        "say how many numbers an adapter trains, before anything runs",
        "write the forward pass of a layer with an adapter, factor and orientation included",
        "merge adapters into a weight, and say when this is exact",
    ),
    hours=(2, 4),
    preload=(),
    tasks=(COUNT_TRAINABLE, LORA_FORWARD, MERGE),
    oral=(
        Oral(
            question="B starts at zero and A does not. Why not both? Why not the other way round?",
            gist="With both at zero, neither gets a gradient, ever. One zero makes the start exact; which one is a "
            "choice (with B = 0, A's first gradient is zero and B's is not).",
        ),
        Oral(
            question="In which order do you multiply B A x, and does it matter?",
            gist="A x first: two thin products. Building B A costs the full matrix, which is what LoRA avoids.",
        ),
        Oral(
            question="Does LoRA make the forward pass cheaper? And the backward pass?",
            gist="Forward: no, a little dearer until merged. Backward: no gradients of W, no optimiser state for it.",
        ),
        Oral(
            question="You double the rank and keep alpha. What else changes in training?",
            gist="The factor halves (or falls by a root); the effective step changes. Compare ranks at a re-tuned "
            "rate.",
        ),
        Oral(
            question="Two adapters are to serve at once. Merge them, or keep them apart? What do you measure?",
            gist="Merged: one product, but they interfere; measure each task after merging. Apart: switch by request.",
        ),
    ),
)
