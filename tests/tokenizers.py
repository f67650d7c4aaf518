"""Four small model folders with random weights, one for each kind of tokenizer that encoders use.

The tokenizers are trained here, in a second, on sentences made from the lists below, and come out the same each time;
nothing is downloaded.
Import as `from tests.tokenizers import make_model_folder`.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

KINDS = ("wordpiece", "chinese", "bytelevel", "unigram")
MAX_LENGTH = 128

NAMES = ("Zwingmann", "Angela Merkel", "O'Brien", "Müller", "Nguyễn Văn An", "S. Gomez", "李娜", "王小明", "田中")
VERBS = ("visited", "was re-elected in", "has never seen", "left", "wrote 3,500 letters about", "访问了", "离开")
PLACES = ("Wolfsburg", "the U.S.", "New York City", "São Paulo", "Newcastle-upon-Tyne", "北京", "上海市")
ENDINGS = (".", "!", " on 12 May 2021.", " — again?", "。")

BERT_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA_TOKENS = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}


def training_sentences() -> list[str]:
    """The sentences that the tokenizers learn from, always the same, English and Chinese mixed."""
    return [f"{name} {verb} {place}{ending}" for name, verb, place, ending in product(NAMES, VERBS, PLACES, ENDINGS)]


def make_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A fast tokenizer of one of `KINDS`, trained in this process."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    builders = {
        "wordpiece": _wordpiece,
        "chinese": _chinese_characters,
        "bytelevel": _byte_level,
        "unigram": _unigram,
    }
    tokens = BERT_TOKENS if kind in {"wordpiece", "chinese"} else ROBERTA_TOKENS
    backend = builders[kind](list(tokens.values()))
    cls, sep = tokens["cls"], tokens["sep"]
    backend.post_processor = TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(token, backend.token_to_id(token)) for token in (cls, sep)],
    )
    options = {"add_prefix_space": True} if kind == "bytelevel" else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=MAX_LENGTH,
        **{f"{name}_token": token for name, token in tokens.items()},
        **options,
    )


def make_model_folder(kind: str, path: str | Path) -> Path:
    """Write a model folder of one of `KINDS`: tokenizer, configuration and random weights (2 layers, 32 wide)."""
    import torch
    from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel, XLMRobertaConfig, XLMRobertaModel

    tokenizer = make_tokenizer(kind)
    config_class, model_class, reserved = {
        "wordpiece": (BertConfig, BertModel, 0),
        "chinese": (BertConfig, BertModel, 0),
        "bytelevel": (RobertaConfig, RobertaModel, tokenizer.pad_token_id + 1),
        "unigram": (XLMRobertaConfig, XLMRobertaModel, tokenizer.pad_token_id + 1),
    }[kind]
    config = config_class(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_LENGTH + reserved,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(KINDS.index(kind))
        model_class(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return Path(path)


def _wordpiece(special: list[str]) -> Tokenizer:
    """Cased WordPiece, as bert-base-cased has it."""
    from tokenizers import trainers

    # The trainer numbers continuing characters in the order of a hash map, which differs from process to process and
    # decides ties; given beforehand, they have fixed numbers. The second tokenizer does not hold them as special.
    continuing = sorted({f"##{character}" for character in "".join(training_sentences())} - {"## "})
    trained = _bert({"[UNK]": 0})
    trainer = trainers.WordPieceTrainer(
        vocab_size=len(continuing) + 250, special_tokens=[*special, *continuing], show_progress=False
    )
    trained.train_from_iterator(training_sentences(), trainer)
    return _bert(trained.get_vocab(with_added_tokens=False))


def _chinese_characters(special: list[str]) -> Tokenizer:
    """One piece per Chinese character, letters as single pieces, as bert-base-chinese has it."""
    characters = sorted(set("".join(training_sentences())) - {" "})
    pieces = [*special, *characters, *(f"##{character}" for character in characters)]
    return _bert({piece: index for index, piece in enumerate(pieces)})


def _bert(vocabulary: dict[str, int]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    return backend


def _byte_level(special: list[str]) -> Tokenizer:
    """Byte-level BPE, as roberta-base has it, with the space in front of every word."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(training_sentences(), trainer)
    return backend


def _unigram(special: list[str]) -> Tokenizer:
    """Unigram with a mark for the start of a word, as xlm-roberta-base and ALBERT have it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    # Scores are relative frequencies of substrings: the library's own trainer gives another vocabulary every time.
    counts = Counter(
        word[start:end]
        for word in "".join(f" {sentence}" for sentence in training_sentences()).replace(" ", " ▁").split()
        for start, end in combinations(range(len(word) + 1), 2)
        if end - start <= 5
    )
    kept = [(piece, count) for piece, count in counts.most_common() if count > 60 or len(piece) == 1]
    total = sum(count for _, count in kept)
    scores = [(token, 0.0) for token in special] + [(piece, log(count / total)) for piece, count in kept]
    backend = Tokenizer(models.Unigram(scores, unk_id=special.index("<unk>")))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return backend
