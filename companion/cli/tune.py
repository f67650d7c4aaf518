"""`companion tune`: search settings by a plan, resume what was cut off, say how optimistic the winner's score is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.dev_rows import LEAST, describe_dev
from companion.cli.folders import check_out
from companion.cli.output import columns, emit, say
from companion.cli.train import describe_corpus, read_method
from companion.errors import ConfigError

if TYPE_CHECKING:
    from companion.cli.source import Source


def tune_settings(
    source: Source,
    *,
    out: Path,
    space: str | None,
    method: str,
    settings: dict[str, Any],
    task_options: dict[str, Any],
    as_json: bool,
    **search: Any,
) -> None:
    """Search, and print the trials, the best settings and what the search says about its own optimism.

    Raises:
        CompanionError: whatever is asked for cannot be done; the folder stays as it was.
    """
    from companion.recipes.tuning import tune
    from companion.recipes.tuning_space import read_space
    from companion.training.config import TrainConfig

    ranges = None if space is None else read_space(space)
    for name in settings.keys() & (ranges or {}).keys():
        raise ConfigError(
            f"--space searches {name}, and --{name.replace('_', '-')} fixes it", remedy="leave one of them out"
        )
    check_out(out)
    corpus = source.load()
    say(describe_corpus(corpus, task_options.get("kind", "single")))
    describe_dev(corpus, source, chooses="the settings", least=LEAST)
    tuned = tune(
        corpus,
        ranges,
        out=out,
        config=TrainConfig(**settings),
        adaptation=read_method(method),
        task_options=task_options,
        origin=source.to_json(),
        say=say,
        **search,
    )
    pairs = getattr(corpus, "pairs", False)
    lines = [
        tuned.to_text(columns()),
        f"model    {out / 'model'}",
        f'use      companion predict {out} "Your text."' + (' --text-pair "Its second one."' if pairs else ""),
    ]
    emit({"run": str(out), **tuned.to_dict()}, "\n".join(lines), as_json=as_json)
