"""The model card of an exported folder: metadata that the Hub reads, and what a stranger must know.

A story is a mapping of JSON values. `describe_task` gives its beginning; a run adds its data, settings and results
(`companion.recipes.story`). What a story does not say, its card leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import ExportError
from companion.evaluation.taxonomy import visible

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

CARD_FILE = "README.md"
PROJECT = "[finetuning-companion](https://github.com/finetuning-companion/finetuning-companion)"
METRICS = {
    "entity_f1": ("f1", "Entity F1"),
    "precision": ("precision", "Entity precision"),
    "recall": ("recall", "Entity recall"),
    "accuracy": ("accuracy", "Accuracy"),
    "macro_f1": ("f1", "Macro F1"),
    "mean_squared_error": ("mse", "Mean squared error"),
    "mean_absolute_error": ("mae", "Mean absolute error"),
    "correlation": ("pearsonr", "Pearson's r"),
}
"""The Hub's name of each score, and a name for people."""
PIPELINES = {"tokens": "token-classification", "texts": "text-classification", "causal_lm": "text-generation"}
MOST_LABELS = 30


def describe_task(task: TokenTask | TextTask) -> dict[str, Any]:
    """What an exported folder says about its task and encoder, as JSON values; no path of the machine."""
    encoder = task.encoder
    return {
        "version": version("finetuning-companion"),
        "task_name": task.name,
        "labels": list(task.labels),
        "task": asdict(task.settings),
        "encoder": encoder.name,
        "encoder_digest": encoder.digest,
        "base_model": getattr(encoder, "hub_name", None),
        "uncased": getattr(encoder, "uncased", False),
    }


def write_card(folder: Path, story: Mapping[str, Any], *, name: str | None = None) -> None:
    """Write the card of a model folder; `name` is what the model is called, by default as its folder.

    Raises:
        ExportError: the file cannot be written.
    """
    temporary = folder / f"{CARD_FILE}.partial"
    try:
        temporary.write_text(model_card(story, name or folder.name), encoding="utf-8")
        temporary.replace(folder / CARD_FILE)
    except OSError as error:
        raise ExportError(
            f"the card cannot be written: {error.strerror}", file=folder, remedy="make the folder writable"
        ) from error


def model_card(story: Mapping[str, Any], name: str) -> str:
    """The card as Markdown with YAML in front.

    Follows: Mitchell et al. (2019), "Model Cards for Model Reporting"; the Hub's model card metadata.
    """
    sections = [
        _head(story),
        _use(story, name),
        _results(story),
        _data(story),
        _settings(story),
        _limits(story),
        _again(story),
    ]
    body = "\n\n".join(section for section in sections if section)
    return f"---\n{metadata(story, name).to_yaml()}\n---\n\n{body}\n"


def metadata(story: Mapping[str, Any], name: str) -> ModelCardData:
    """What the Hub reads: languages, licence, base model, data sets, metrics, and the results as a model index."""
    from huggingface_hub import EvalResult, ModelCardData

    data, results = story.get("data", {}), story.get("results", {})
    pipeline = PIPELINES[story["task_name"]]
    found = [
        EvalResult(
            task_type=pipeline,
            dataset_type=data.get("hub_name") or data["name"],
            dataset_name=data["name"],
            dataset_split=split,
            metric_type=METRICS[score][0],
            metric_name=METRICS[score][1],
            metric_value=round(values["value"], 4),
        )
        for split, result in results.items()
        for score, values in result["scores"].items()
        if values["value"] is not None
    ]
    return ModelCardData(
        language=data.get("language"),
        license=_licence(story),
        library_name="transformers",
        pipeline_tag=pipeline,
        base_model=story["base_model"],
        datasets=[data["hub_name"]] if data.get("hub_name") else None,
        metrics=sorted({result.metric_type for result in found}) or None,
        model_name=name,
        eval_results=found or None,
        tags=["finetuning-companion"],
    )


def _licence(story: Mapping[str, Any]) -> str | None:
    """The Hub's identifier of the model's licence: as given, else the encoder's where nothing stands against it."""
    data = story.get("data", {})
    if data.get("model_licence"):
        return data["model_licence"]
    return "apache-2.0" if story["encoder"] == "offline" and data.get("licence") == "CC0-1.0" else None


def _head(story: Mapping[str, Any]) -> str:
    titles = {"tokens": "A named-entity tagger", "texts": "A text classifier", "causal_lm": "A model that answers"}
    title = titles[story["task_name"]]
    kind, pairs = story["task"].get("kind"), story["task"].get("pairs")
    if kind == "regression":
        title = f"A model that gives {'pairs of ' if pairs else ''}texts a number"
    elif pairs:
        title = "A classifier of pairs of texts"
    base = f"`{_code(story['encoder'])}`" + (
        f" ({story['base_model']})" if story["base_model"] not in (None, story["encoder"]) else ""
    )
    trained = f" on *{_plain(story['data']['name'])}*" if "data" in story else ""
    labels = [_plain(label) for label in story["labels"]]
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    said = "" if kind == "regression" or not labels else f" Labels: {', '.join(labels[:MOST_LABELS])}{more}."
    several = f" A {'pair' if pairs else 'text'} may have any number of them." if kind == "multi" else ""
    return f"# {title}\n\nFine-tuned from {base}{trained} with {PROJECT} {story['version']}.{said}{several}"


def _use(story: Mapping[str, Any], name: str) -> str:
    folder = _code(name).replace('"', "'")
    piped = f'from transformers import pipeline\n\nmodel = pipeline("{PIPELINES[story["task_name"]]}", "{folder}"'
    pairs = story["task"].get("pairs")
    loaded = f'import companion\n\nmodel = companion.load("{folder}")\nmodel.predict('
    loaded += '("a text", "a second text"))' if pairs else '"a text")'
    if "adapter" in story:
        code = loaded
    elif story["task_name"] == "tokens":
        code = f'{piped}, aggregation_strategy="first")\nmodel("a text")'
    elif story["task_name"] == "causal_lm":
        code = f'{piped})\nmodel([{{"role": "user", "content": "a question"}}])'
    elif story["task"]["pooling"] == "cls":
        code = f"{piped})\nmodel(" + ('{"text": "a text", "text_pair": "a second text"})' if pairs else '"a text")')
    else:
        code = loaded
    alone = "This folder holds what was trained alone; the model it belongs to is opened by its name.\n\n"
    return f"## Use\n\n{alone if 'adapter' in story else ''}```python\n{code}\n```"


def _results(story: Mapping[str, Any]) -> str:
    results = story.get("results")
    if not results:
        return ""
    rows = [["split", "rows", *(METRICS[score][1] for score in next(iter(results.values()))["scores"])]]
    for split, result in results.items():
        rows.append([split, f"{result['rows']:,}", *(_interval(values) for values in result["scores"].values())])
    notes = [
        "In brackets the 95 % bootstrap interval over the rows. It says how far another sample of such rows might move "
        f"the score, not how far another seed might: this is one run, with seed {story['config']['seed']}."
    ]
    if "dev" in results and story.get("best_step") is not None:
        tried = story["search"]["trials"] if "search" in story else 1
        settings = f" and the settings, the best of {tried} that were tried" if tried > 1 else ""
        notes.append(f"Dev chose the weights that were kept{settings}, so its score is optimistic.")
    if "test" not in results:
        notes.append("Test has not been measured.")
    return f"## Results\n\n{_table(rows)}\n\n{' '.join(notes)}"


def _data(story: Mapping[str, Any]) -> str:
    if "data" not in story:
        return ""
    data = story["data"]
    rows = [["split", "rows", "sha256 of the rows (its beginning)"]]
    rows += [[split, f"{number:,}", f"`{data['digests'][split]}`"] for split, number in data["rows"].items()]
    lines = []
    if data.get("examples"):
        few, many = (choose(data["examples"].items(), key=lambda item: item[1]) for choose in (min, max))
        unit = "entities" if story["task_name"] == "tokens" else "texts"
        lines.append(
            f"Train holds {few[1]:,} ({_plain(few[0])}) to {many[1]:,} ({_plain(many[0])}) {unit} of each "
            f"{'type' if unit == 'entities' else 'label'}."
        )
    lines += [f"{_plain(note)[:1].upper()}{_plain(note)[1:]}." for note in data["notes"]]
    lines.append(f"Licence of the data: {_plain(data['licence'] or 'not stated')}.")
    if data["citation"]:
        lines.append(f"Cite: {_plain(data['citation'])}")
    if _licence(story) is None:
        lines.append(
            "No licence is stated for the model: those of the encoder and of the data decide what you may do. State "
            "one before you publish it."
        )
    return f"## Training data\n\n{_table(rows)}\n\n{' '.join(lines)}"


def _settings(story: Mapping[str, Any]) -> str:
    if "config" not in story:
        return ""
    reasons = story["reasons"]
    rows = [["setting", "value", "why"]]
    for field, value in story["config"].items():
        if value is not None and field not in {"progress", "device"}:
            why = reasons.get(field) or ("given" if field in story["given"] else "default")
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            rows.append([field.replace("_", " "), _plain(shown), _plain(why)])
    count = f"{story['trained_parameters']:,} of {story['parameters']:,} parameters"
    rows.append(["what is trained", _plain(story["adaptation"]), count])
    best = story["best_step"]
    kept = "the last weights are kept" if best is None else f"the weights of update {best:,} are kept"
    return f"## Settings\n\n{story['steps']:,} updates were made; {kept}.\n\n{_table(rows)}"


def _limits(story: Mapping[str, Any]) -> str:
    length, lines = story["task"]["max_length"], []
    if story["task_name"] == "tokens":
        lines.append(
            f"Sentences longer than {length} word pieces are windowed by `companion.load`; `pipeline` cuts them off "
            "unless it is given a `stride`."
        )
    elif story["task_name"] == "causal_lm":
        lines.append(
            f"Prompt and answer have room for {length} word pieces together. What it writes may be fluent, sure and "
            "false: check every detail, or answer from what a person wrote."
        )
    else:
        lines.append(
            f"Pairs longer than {length} word pieces are cut, the longer text first."
            if story["task"].get("pairs")
            else f"Texts longer than {length} word pieces are cut: their end is not read."
        )
        if story["task"]["pooling"] == "mean":
            lines.append("The head reads the mean of all word pieces, which `transformers.pipeline` does not know.")
        if story["task"]["kind"] == "single":
            row = "pair" if story["task"].get("pairs") else "text"
            lines.append(f"Every {row} gets one of the labels, also one that none of them fits.")
    if story["uncased"]:
        lines.append("The encoder is uncased: it cannot tell *US* from *us*.")
    if "data" in story:
        lines.append("It was measured on rows like those it learned from; other kinds of text were not tried.")
    return "## Limits\n\n" + "\n".join(f"* {line}" for line in lines)


def _again(story: Mapping[str, Any]) -> str:
    if story.get("command"):
        return f"## Do it again\n\n```bash\n{visible(story['command'])}\n```"
    if "config" not in story:
        return ""
    return (
        "## Do it again\n\nCall `companion.fine_tune` with the data and the settings above; "
        f"everything random follows from seed {story['config']['seed']}."
    )


def _interval(values: Mapping[str, Any]) -> str:
    numbers = [values.get(name) for name in ("value", "low", "high")]
    if numbers[0] is None:
        return "undefined"
    if None in numbers or not all(map(math.isfinite, numbers)):
        return f"{numbers[0]:.3f}"
    return "{:.3f} [{:.3f}, {:.3f}]".format(*numbers)


def _table(rows: Iterable[list[str]]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))


def _plain(text: str) -> str:
    """Text from data that no reader of Markdown takes for markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#~&$" else char for char in visible(str(text)))


def _code(text: str) -> str:
    return visible(str(text)).replace("`", "'")
