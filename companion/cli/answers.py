"""`companion train --task answers`: prompts with answers, or conversations, on a decoder, named or small and new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from companion.cli.folders import check_out
from companion.cli.output import emit, say
from companion.errors import ConfigError
from companion.training.checkpoint import write_json

RESULT_FILE = "answers.json"
NEW = "offline"
"""The command's usual model; it is an encoder, so here it stands for a small decoder from scratch."""
KEYS = ("prompt", "answer", "messages")


def train_answers(
    files: dict[str, Path | None],
    *,
    columns: str | None,
    encoding: str,
    out: Path,
    model: str,
    method: str,
    settings: dict[str, Any],
    max_length: int | None,
    batch_size: int | None,
    unused: dict[str, Any],
    as_json: bool,
) -> None:
    """Train on a JSONL file of pairs or conversations, export the model of the lowest dev loss, and score it on test.

    Raises:
        CompanionError: whatever is asked for cannot be done.
    """
    from companion.adaptation.apply import adapt
    from companion.cli.source import named_columns
    from companion.cli.train import read_method
    from companion.corpora.pairs import PairCorpus
    from companion.models.decoder import load_decoder, mini_decoder
    from companion.recipes.story import MODEL_FOLDER
    from companion.tasks.causal_lm import PLAIN_TEMPLATE, CausalLMTask
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    for name in unused:
        raise ConfigError(f"prompts with answers have no use for --{name}", remedy=f"leave --{name} out")
    if files["train"] is None:
        raise ConfigError(
            "the pairs are not named",
            remedy='give --train FILE, {"prompt": "…", "answer": "…"} a line, or {"messages": […]} for a conversation',
        )
    config, named = TrainConfig(**settings), named_columns(columns)
    if named.keys() - set(KEYS):
        raise ConfigError(f"--columns names {', '.join(named)}", remedy="write prompt=…,answer=…, or messages=…")
    for path in filter(None, files.values()):
        if path.suffix.lower() in {".csv", ".tsv", ".conll"}:
            raise ConfigError(
                f"{path} is no JSONL file, and pairs are read from no other",
                remedy='write {"prompt": "…", "answer": "…"} on every line; pandas does it with '
                "frame.to_json(path, orient='records', lines=True, force_ascii=False)",
            )
    check_out(out)
    corpus = PairCorpus.from_jsonl(files["train"], dev=files["dev"], test=files["test"], encoding=encoding, **named)
    say(corpus.describe())
    if model == NEW:
        say("model: a small decoder from scratch (--model takes a folder or a Hub name)")
        decoder: Any = mini_decoder(
            [turn.text for pair in corpus.train for turn in pair.turns], max_length=max_length or 256
        )
    else:
        decoder = load_decoder(model)
    template = None if decoder.tokenizer.chat_template else PLAIN_TEMPLATE
    task = CausalLMTask(decoder, template=template, max_length=max_length, too_long="skip")
    batches = task.batches(corpus.train, **({} if batch_size is None else {"batch_size": batch_size}))
    if task.skipped:
        say(f"warning: {task.skipped:,} pairs of train are longer than {task.settings.max_length} pieces and left out")
    run = train(
        adapt(task.model(seed=config.seed), read_method(method)),
        batches,
        task.objective,
        config,
        evaluate=task.evaluator(corpus.dev) if corpus.dev else None,
        run_dir=out,
        log=lambda step, values: (
            "answer_loss" in values and say(f"update {step}: dev loss {values['answer_loss']:.3f}")
        ),
        say=say,
    )
    folder = run.export(out / MODEL_FOLDER)
    document: dict[str, Any] = {
        "model": str(folder),
        "pairs": {name: len(part) for name, part in corpus.splits.items()},
        "left_out": task.skipped,
        "steps": run.steps,
        "best_step": run.best_step,
        "dev_answer_loss": run.best_value,
        "config": run.config.to_dict(),
    }
    lines = [f"{run.steps} updates", *run.notes]
    if corpus.test:
        report = task.evaluator(corpus.test).report(run.model)
        document["test"] = report.to_dict()
        lines.append(str(report))
    write_json(out / RESULT_FILE, document)
    lines += [
        f"model    {folder}   (opens with transformers.pipeline)",
        f'use      companion predict {folder} "A question."',
    ]
    emit(document, "\n".join(lines), as_json=as_json)
