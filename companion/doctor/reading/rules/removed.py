"""A rule about interfaces that are gone: imports, methods and arguments that the present libraries do not have."""

from __future__ import annotations

import ast

from companion.doctor.findings import ERROR
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.rules.labels import is_tokenizer
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import constant, keyword, last, written

NAMES = {
    "transformers.AdamW": (
        "transformers",
        "torch.optim.AdamW; say weight_decay, for which the old one took 0 and PyTorch's takes 0.01",
    ),
    "transformers.optimization.AdamW": ("transformers", "torch.optim.AdamW, and say weight_decay"),
    "transformers.AutoModelWithLMHead": ("transformers", "AutoModelForCausalLM or AutoModelForMaskedLM"),
    "transformers.LineByLineTextDataset": ("transformers", "datasets.load_dataset"),
    "transformers.TextDataset": ("transformers", "datasets.load_dataset"),
    "transformers.TFTrainer": ("transformers", "Trainer"),
    "transformers.TFTrainingArguments": ("transformers", "TrainingArguments"),
    "datasets.load_metric": ("datasets", "evaluate.load"),
    "torch._six": ("torch", "the standard library"),
    "sklearn.externals.joblib": ("scikit-learn", "joblib"),
    "numpy.float": ("NumPy", "float"),
    "numpy.int": ("NumPy", "int"),
    "numpy.bool8": ("NumPy", "bool"),
    "numpy.object": ("NumPy", "object"),
}
"""What is no longer there: of which library, and what to write. Each was tried against the versions pinned here."""
PACKAGES = {
    "pytorch_transformers": "transformers",
    "pytorch_pretrained_bert": "transformers",
    "torchtext.legacy": "torch.utils.data",
}
ARGUMENTS = {
    "TrainingArguments": {
        "evaluation_strategy": "eval_strategy",
        "no_cuda": "use_cpu",
        "per_gpu_train_batch_size": "per_device_train_batch_size",
        "per_gpu_eval_batch_size": "per_device_eval_batch_size",
        "adafactor": 'optim="adafactor"',
        "group_by_length": "train_sampling_strategy",
        "overwrite_output_dir": "nothing: leave it out",
        "save_safetensors": "nothing: leave it out",
    },
    "Trainer": {"tokenizer": "processing_class"},
}
METHODS = {
    "encode_plus": "tokenizer(text)",
    "batch_encode_plus": "tokenizer(texts)",
    "prepare_seq2seq_batch": "tokenizer(texts, text_target=…)",
    "as_target_tokenizer": "tokenizer(text_target=…)",
}
DATA_SCRIPTS = frozenset(["conll2003", "wnut_17", "ontonotes", "conll2002", "conllpp"])


def removed(script: Script) -> Outcome:
    """Look for every import, method and argument of the lists above.

    Raises:
        CannotCheck: none of these libraries is used.
    """
    if not script.imports_from(
        "transformers", "datasets", "torch", "sklearn", "numpy", "torchtext", *(name.split(".")[0] for name in PACKAGES)
    ):
        raise CannotCheck("none of the libraries whose interfaces are known here is imported")
    found, told = [], set()

    def report(node: ast.AST, what: str, library: str, instead: str) -> None:
        if what not in told:
            told.add(what)
            found.append(
                REMOVED.finding(
                    script,
                    node,
                    ERROR,
                    f"{what} is not in the present {library}: it raises.",
                    f"Write {instead}.",
                )
            )

    guarded = {id(part) for node in script.nodes if isinstance(node, ast.Try) for part in ast.walk(node)}
    for node in script.nodes:
        if id(node) in guarded:
            continue  # who tries an import knows that it may fail
        for name in _imported(node):
            for gone, (library, instead) in NAMES.items():
                if name == gone or name.startswith(f"{gone}."):
                    report(node, name, library, instead)
            for package, instead in PACKAGES.items():
                if name == package or name.startswith(f"{package}."):
                    report(node, package, "index of packages", instead)
        if isinstance(node, ast.Attribute) and script.full(node) in NAMES:
            report(node, script.full(node), *NAMES[script.full(node)])
    for call in script.calls:
        name = last(call.func)
        known = ARGUMENTS.get(name) if script.full(call.func).startswith("transformers.") else None
        for word in call.keywords:
            if known and word.arg in known:
                report(word.value, f"{name}({word.arg}=)", "transformers", known[word.arg])
        if name in METHODS and isinstance(call.func, ast.Attribute) and is_tokenizer_of(script, call):
            report(call, f"{written(call.func)}", "transformers", METHODS[name])
        first = constant(call.args[0]) if call.args else None
        if name == "load_dataset" and first in DATA_SCRIPTS and keyword(call, "revision") is None:
            report(call, f'load_dataset("{first}")', "datasets", "a copy of the data that is no script, or its files")
    return found or "no import, method or argument that is gone"


def is_tokenizer_of(script: Script, call: ast.Call) -> bool:
    """Whether a method is called on a tokenizer, and not on an object of a class written here."""
    return last(call.func) not in script.methods and is_tokenizer(
        script, ast.Call(func=call.func.value, args=[], keywords=[])
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


REMOVED = Rule(
    name="removed interfaces",
    question="Does it use what the libraries no longer have?",
    proves="that a name stands in the text which is gone",
    page="book/foundations/optimisers#adamw",
    examine=removed,
)
RULES = (REMOVED,)
