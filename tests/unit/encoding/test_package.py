"""The package's front door is light, and the model folders of the tests are real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

import companion.encoding
from companion.encoding.alignment import align
from companion.encoding.pieces import reads_split_words, special_tokens
from tests.tokenizers import KINDS, MAX_LENGTH, make_model_folder


def test_every_public_name_loads():
    assert len(dir(companion.encoding)) >= 16
    assert set(dir(companion.encoding)) == set(companion.encoding.__all__)
    for name in companion.encoding.__all__:
        assert getattr(companion.encoding, name) is not None
    with pytest.raises(AttributeError, match="alignments"):
        companion.encoding.alignments  # noqa: B018 - the look-up is the test


def test_importing_the_modules_loads_neither_torch_nor_transformers():
    names = ("alignment", "audit", "ledger", "pieces", "windows")
    code = "import sys\n" + "".join(f"import companion.encoding.{name}\n" for name in names)
    code += "print([name for name in ('torch', 'transformers', 'tokenizers', 'numpy') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_folder_opens_with_transformers_and_reads_an_alignment(kind, tmp_path):
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = make_model_folder(kind, tmp_path / kind)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=5)
    assert reads_split_words(tokenizer)
    assert list(special_tokens(tokenizer)) == [[tokenizer.cls_token_id], [tokenizer.sep_token_id]]
    words = ["Angela", "Merkel", "\u200b", "离开", "北京", "😀"] * 60
    result = align(words, None, tokenizer, max_length=MAX_LENGTH, overlap=32)
    assert max(len(window.input_ids) for window in result.windows) > 120
    with torch.inference_mode():
        logits = [model(input_ids=torch.tensor([window.input_ids])).logits[0] for window in result.windows]
    read = result.per_word([rows.argmax(-1).tolist() for rows in logits])
    assert len(read) == 360
    assert set(read) <= set(range(5))
    # Random or not, the weights are the same each time.
    again = make_model_folder(kind, tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert (again / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
