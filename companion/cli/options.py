"""Options that several commands have, and how they are explained."""

from typing import Annotated

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program.")]
TRAIN_HELP = "A file of your own to train on: CoNLL, CSV, or JSONL (told by its ending, or by --format)."
PRECISION_HELP = "fp32; bf16: quicker on processors that compute in it, scores differ in the third digit; or auto."
BASE_HELP = "Of an adapter alone: the model folder it was trained on, where that is a local one."
FORMAT_HELP = "auto, conll, csv, or jsonl."
TASK_HELP = (
    "tokens (words with tags), text (texts with labels), answers (prompts with answers), or auto: by the columns."
)
