"""Small decoder folders with random weights, as their makers publish them: often without any piece for padding.

Import as `from tests.decoders import make_decoder_folder`.
"""

from __future__ import annotations

from pathlib import Path

from tests.tokenizers import make_tokenizer

KINDS = ("gpt2", "llama")


def make_decoder_folder(kind: str, path: str | Path, *, pad: bool = False, writes: bool = False) -> Path:
    """Write a model folder of one of `KINDS`, 2 layers, 32 wide: a body, or with `writes` one that scores pieces.

    Its tokenizer puts nothing around a text, and knows the end of a text alone; with `pad`, a piece for padding too.
    The configuration names no padding, as those of GPT-2 and Llama do not.
    """
    import torch
    import transformers
    from tokenizers import processors

    backend = make_tokenizer("bytelevel").backend_tokenizer
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=128, eos_token="</s>", **({"pad_token": "<pad>"} if pad else {})
    )
    sizes = {"vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    config = {
        "gpt2": lambda: transformers.GPT2Config(n_positions=128, n_embd=32, n_layer=2, n_head=2, **sizes),
        "llama": lambda: transformers.LlamaConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=128,
            **sizes,
        ),
    }[kind]()
    made = transformers.AutoModelForCausalLM if writes else transformers.AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(KINDS.index(kind))
        made.from_config(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return Path(path)
