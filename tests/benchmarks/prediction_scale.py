"""What a million sentences cost `companion predict` beside a tenth of them: time and memory; prints ratios.

    COMPANION_DATA=... python -m tests.benchmarks.prediction_scale [--sentences 1000000] [--record]

The tagger is one small layer with the offline encoder's word pieces, so that reading, cutting into pieces, batching and
writing are most of the work and not the model: what grows faster than the file would show in them. Each command
starts in a process of its own, reads a file with a sentence a line (WNUT-17, repeated), and writes one JSON object a
line. Time is that of the whole process, memory its highest resident size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import companion
from tests.benchmarks.prediction_speed import run, write_sentences
from tests.benchmarks.training_speed import write_cell


def write_tagger(folder: Path) -> None:
    """A tagger of one layer, 64 wide, with random weights."""
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    encoder, labels = companion.load_encoder(), companion.load_corpus("wnut17").labels
    config = BertConfig(
        vocab_size=encoder.config.vocab_size,
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    BertForTokenClassification(config).save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder).is_fast


def measure(sentences: int) -> dict[str, Any]:
    """Seconds and highest resident size for a tenth of the sentences and for all."""
    found: dict[str, Any] = {"sentences": sentences}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        write_tagger(folder)
        for label, count in {"first start": 100, "a tenth": sentences // 10, "all": sentences}.items():
            file = Path(name) / "sentences.txt"
            write_sentences(file, count)
            seconds, peak = run(
                [sys.executable, "-m", "companion", "predict", str(folder), "--json", "--file", str(file)]
            )
            found[label] = {"seconds": round(seconds, 2), "memory": peak}
            print(f"{label:12}{count:>10,}{seconds:9.1f} s{peak / 1e6:9.0f} MB", flush=True)
    few, many = found["a tenth"], found["all"]
    print(f"ten times the sentences: {many['seconds'] / few['seconds']:.2f} × the time, ", end="")
    print(f"{many['memory'] / few['memory']:.3f} × the memory")
    return found


def main() -> None:
    """Measure, print, and with `--record` write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=1_000_000, help="how many sentences the longer file holds")
    parser.add_argument("--record", action="store_true", help="write data/records/prediction-scale")
    options = parser.parse_args()
    if options.record:
        from companion.corpora.location import data_root

        write_cell("prediction-scale", lambda: measure(options.sentences), data_root() / "records")
    else:
        measure(options.sentences)


if __name__ == "__main__":
    main()
