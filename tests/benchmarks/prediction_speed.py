"""`companion predict` over a file beside a transformers pipeline, and what ten times the sentences cost; prints ratios.

    COMPANION_DATA=... python -m tests.benchmarks.prediction_speed [--sentences 4000] [--record]

The tagger is the offline encoder with a new head, exported once: what its labels say does not change the time. Both
commands start in a process of their own, read a file with a sentence a line (WNUT-17, repeated), tag every line, and
write one JSON object a line. Time is that of the whole process, memory its highest resident size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

import companion
from companion.training.resolve import autocast_for

PIPELINE = """
import json, sys
from transformers import pipeline
tagger = pipeline("token-classification", sys.argv[1], aggregation_strategy="first", device="cpu")
with open(sys.argv[2], encoding="utf-8") as lines:
    texts = [line.rstrip() for line in lines]
for text, found in zip(texts, tagger(texts, batch_size=int(sys.argv[3]))):
    print(json.dumps({"text": text, "entities": [{**entity, "score": float(entity["score"])} for entity in found]}))
"""


def run(words: list[str]) -> tuple[float, int]:
    """Seconds and highest resident size, in bytes, of a command that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words[:4]} failed:\n{errors.decode()[-2000:]}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def write_sentences(file: Path, count: int) -> None:
    """The first sentences of WNUT-17 as text, again and again."""
    sentences = companion.load_corpus("wnut17").test
    texts = (" ".join(sentence.words) for sentence in cycle(sentences))
    # Line by line: a process that is started inherits the highest size of the one that starts it.
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{text}\n" for text in islice(texts, count))


def measure(sentences: int) -> dict[str, Any]:
    """All figures, with a model in a temporary folder."""
    corpus = companion.load_corpus("wnut17")
    task = companion.TokenTask(corpus.labels, companion.load_encoder())
    with tempfile.TemporaryDirectory() as name:
        folder, few, many = Path(name) / "model", Path(name) / "few.txt", Path(name) / "many.txt"
        task.export(task.model(seed=0), folder)
        write_sentences(few, sentences // 10)
        write_sentences(many, sentences)
        ours = [sys.executable, "-m", "companion", "predict", str(folder), "--json", "--file"]
        theirs = [sys.executable, "-c", PIPELINE, str(folder)]
        run([*ours, str(few)])  # the first start also reads the libraries from the disk
        found, quick = {}, autocast_for("auto", torch.device("cpu")) is not None
        for label, words in {
            "companion, a tenth": [*ours, str(few)],
            "companion": [*ours, str(many)],
            **({"companion, bf16": [*ours, str(many), "--precision", "bf16"]} if quick else {}),
            "pipeline, batch 1": [*theirs, str(many), "1"],
            "pipeline, batch 32": [*theirs, str(many), "32"],
        }.items():
            seconds, peak = run(words)
            found[label] = {"seconds": round(seconds, 2), "memory": peak}
            print(f"{label:20}{seconds:9.1f} s{peak / 1e6:9.0f} MB", flush=True)
    return found


def main() -> None:
    """Measure, print, and with `--record` write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=4000, help="how many sentences the longer file holds (4000)")
    parser.add_argument("--record", action="store_true", help="write data/records/prediction-speed")
    options = parser.parse_args()

    def result() -> dict[str, Any]:
        found = measure(options.sentences)
        fastest = min(found["pipeline, batch 1"]["seconds"], found["pipeline, batch 32"]["seconds"])
        few, many = found["companion, a tenth"], found["companion"]
        print(f"the pipeline takes {fastest / many['seconds']:.2f} times as long as companion predict")
        if "companion, bf16" in found:
            print(f"and {fastest / found['companion, bf16']['seconds']:.2f} times as long as in bf16")
        print(f"ten times the sentences: {many['seconds'] / few['seconds']:.2f} × the time, ", end="")
        print(f"{many['memory'] / few['memory']:.3f} × the memory")
        return {"sentences": options.sentences, **found}

    if options.record:
        from companion.corpora.location import data_root
        from tests.benchmarks.training_speed import write_cell

        write_cell("prediction-speed", result, data_root() / "records")
    else:
        result()


if __name__ == "__main__":
    main()
