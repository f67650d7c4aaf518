"""Options that several commands have, and how they are explained."""

from collections.abc import Iterable
from typing import Annotated

import typer

from companion.errors import ConfigError

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program.")]
TRAIN_HELP = "A file of your own to train on: CoNLL, CSV, JSON or JSONL (told by its ending, or by --format)."
ENCODING_HELP = "The encoding of the files; cp1252 for many that Excel wrote on Windows."
REPAIR_HELP = "Repair tags that break the scheme and spans that cut words, and count them."
PRECISION_HELP = "fp32; bf16: quicker on processors that compute in it, scores differ in the third digit; or auto."
BASE_HELP = "Of an adapter alone: the model folder it was trained on, where that is a local one."
PAIR_HELP = "The second text of each, in order, for a model that reads pairs."
FORMAT_HELP = "auto, conll, csv, or jsonl (also one JSON list, and what annotation tools export)."
TASK_HELP = (
    "tokens (words with tags), text (texts with labels), answers (prompts with answers, or conversations of several "
    "turns), or auto: by the columns."
)


def refuse_given(context: typer.Context, names: Iterable[str], *, without: str) -> None:
    """Refuse options that were typed and have no meaning without another one, which is not there.

    Raises:
        ConfigError: one of them was typed, be it with its usual value.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} has no meaning without {without}", remedy=f"add {without}, or leave {option} out"
            )
