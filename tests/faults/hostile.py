"""Files that were made to run code: pickles under other names, headers that lie, paths that lead out, configurations
that name a class to import. Each is put where the package reads, sealed with digests that fit, and opened.

`Watch` says what happened: whether a canary was left (code ran), whether a pickle was read (Python announces every
class that one looks up, and the readers of pickle and torch are counted), and whether the module that the files name
was imported; it is importable on purpose.
"""

from __future__ import annotations

import hashlib
import io
import json
import marshal
import os
import pickle
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from companion.errors import CompanionError
from tests.faults import stress
from tests.processes import result_of, start

CODE = "hostile_code"
EVIL = f"{CODE}.Evil"
CHECKPOINT_FILES = ("model.safetensors", "optimizer.safetensors", "state.json", "contract.json")
LIMIT = 60
Plant = Callable[[Path, "Arms"], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """What an attacker has ready."""

    canary: Path
    """The folder that code of theirs makes when it runs."""
    outside: Path
    """A file of theirs outside the folder that is attacked."""

    def pickle(self, protocol: int = 4) -> bytes:
        """A pickle that makes the canary when it is read."""
        return pickle.dumps({"weight": Makes(self.canary)}, protocol=protocol)


class Makes:
    """Reading its pickle makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@dataclass(kw_only=True)
class Watch:
    """What an attack achieved."""

    code_ran: bool = False
    """A canary was left, or the hostile module was imported."""
    pickles_read: int = 0
    """Readers of pickles that were called, and classes that a pickle looked up."""
    outcome: str = ""
    """ "refused" with a typed error, "passed over" (the checkpoint before it was used), "ignored" (the model opened,
    and the hostile part had no effect), "hangs", or the name of an untyped error."""
    message: str = ""
    """The first line of the error."""
    events: list[str] = field(default_factory=list)
    """What the pickle readers were asked for."""


_listening: list[Watch] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event == "pickle.find_class":
        _listening[-1].pickles_read += 1
        _listening[-1].events.append(".".join(map(str, arguments)))


@contextmanager
def watching(arms: Arms, code: Path) -> Iterator[Watch]:
    """Note within the block what hostile files achieve; their module can be imported from `code`."""
    if not getattr(_hear, "added", False):
        sys.addaudithook(_hear)
        _hear.added = True  # type: ignore[attr-defined]
    watch = Watch()
    readers = [(pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")]
    originals = [(owner, name, getattr(owner, name)) for owner, name in readers]

    def counted(name: str, original: Any) -> Any:
        def counting(*arguments: Any, **options: Any) -> Any:
            watch.pickles_read += 1
            watch.events.append(name)
            return original(*arguments, **options)

        return counting

    for owner, name, original in originals:
        setattr(owner, name, counted(f"{owner.__name__}.{name}", original))
    sys.path.insert(0, str(code))
    _listening.append(watch)
    try:
        yield watch
    finally:
        _listening.pop()
        sys.path.remove(str(code))
        for owner, name, original in originals:
            setattr(owner, name, original)
        watch.code_ran = arms.canary.exists() or CODE in sys.modules
        sys.modules.pop(CODE, None)


def write_code(folder: Path, canary: Path) -> None:
    """The module that configurations name; importing it makes the canary."""
    folder.mkdir(exist_ok=True)
    (folder / f"{CODE}.py").write_text(
        f"import os\nos.makedirs({str(canary)!r}, exist_ok=True)\n"
        "class Evil:\n    def __init__(self, *arguments, **options): pass\n"
        "EvilConfig = Evil\ndef evil(*arguments, **options): return Evil()\n"
    )


def seal(checkpoint: Path, **extra: str) -> None:
    """A manifest that fits the files as they are; `extra` lists further names with the digest of the weights."""
    (checkpoint / "manifest.json").unlink(missing_ok=True)
    plain = [path for path in sorted(checkpoint.iterdir()) if path.is_file() and not path.is_symlink()]
    files = {path.name: _entry(path) for path in plain}
    (checkpoint / "manifest.json").write_text(json.dumps({"schema": 1, "files": files | dict(extra)}))


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def content(name: str, make: Callable[[Arms], bytes]) -> Plant:
    """A sealed checkpoint in which one file has this content."""

    def plant(checkpoint: Path, arms: Arms) -> None:
        (checkpoint / name).write_bytes(make(arms))
        seal(checkpoint)

    return plant


def fields(name: str, **changes: Any) -> Plant:
    """A sealed checkpoint, or a model folder, in which a JSON file has further fields."""

    def plant(folder: Path, arms: Arms) -> None:
        path = folder / name
        document = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(document | changes))
        if (folder / "manifest.json").exists():
            seal(folder)

    return plant


def listed(name: str) -> Plant:
    """A manifest that lists a file elsewhere, with its true digest."""

    def plant(checkpoint: Path, arms: Arms) -> None:
        seal(checkpoint, **{name.format(outside=arms.outside): _entry(arms.outside)})  # type: ignore[arg-type]

    return plant


def replaced(name: str, make: Callable[[Path, Arms], None]) -> Plant:
    """A file that is something else than a plain file, under a manifest that fits what was there."""

    def plant(folder: Path, arms: Arms) -> None:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        make(path, arms)

    return plant


def _link_folder(checkpoint: Path, arms: Arms) -> None:
    shutil.move(checkpoint, arms.outside.with_name("moved"))
    checkpoint.symlink_to(arms.outside.with_name("moved"))


def _socket(path: Path, arms: Arms) -> None:
    # The name of a socket may be a hundred characters long, so it is bound from inside its folder.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def tensors(header: object, data: bytes = bytes(64), size: int | None = None) -> Callable[[Arms], bytes]:
    """A safetensors file with this header, which may be a text, and a length that may be a lie."""
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = text.encode()
    return lambda arms: (len(encoded) if size is None else size).to_bytes(8, "little") + encoded + data


def entry(start: int = 0, end: int = 8, shape: tuple[int, ...] = (2,), kind: str = "F32") -> dict[str, Any]:
    """A tensor's entry in a safetensors header."""
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


def _torch_file(arms: Arms, *, zipped: bool = True) -> bytes:
    made = io.BytesIO()
    torch.save({"weight": Makes(arms.canary)}, made, _use_new_zipfile_serialization=zipped)
    return made.getvalue()


def _numpy_file(arms: Arms) -> bytes:
    import numpy

    made = io.BytesIO()
    numpy.save(made, numpy.array([Makes(arms.canary)], dtype=object), allow_pickle=True)
    return made.getvalue()


HEADERS: dict[str, Callable[[Arms], bytes]] = {
    "a length of 2^63": tensors("{}", size=2**63),
    "a length of 2^64 - 1": tensors("{}", size=2**64 - 1),
    "a length just above the limit": tensors("{}", size=100_000_001),
    "no JSON": tensors("import os"),
    "ten thousand levels": tensors('{"a":' * 10_000),
    "overlapping tensors": tensors({"a": entry(), "b": entry()}, bytes(8)),
    "a hole between tensors": tensors({"a": entry(0, 8), "b": entry(16, 24)}, bytes(24)),
    "bytes that belong to nobody": tensors({"a": entry()}, bytes(64)),
    "a name twice": tensors('{"a":%s,"a":%s}' % ((json.dumps(entry()),) * 2), bytes(8)),
    "offsets beyond the end": tensors({"a": entry(0, 2**40, (2**38,))}, bytes(8)),
    "negative offsets": tensors({"a": entry(-8, 0)}, bytes(8)),
    "a shape that overflows": tensors({"a": entry(0, 8, (2**40, 2**40))}, bytes(8)),
    "an unknown dtype": tensors({"a": entry(kind=EVIL)}, bytes(8)),
    "code for metadata": tensors({"__metadata__": {"format": f"__import__('{CODE}')"}, "a": entry()}, bytes(8)),
    "metadata that is no text": tensors({"__metadata__": {"format": [EVIL]}, "a": entry()}, bytes(8)),
}
NAMED: dict[str, dict[str, Any]] = {
    "an object of jsonpickle": {"py/object": EVIL},
    "a target of hydra": {"_target_": EVIL},
    "a class path of Lightning": {"_class_path": EVIL, "_instantiator": f"{CODE}.evil"},
    "a reduce": {"__reduce__": ["os.system", [f"python -c 'import {CODE}'"]]},
}
YAML = f"!!python/object/apply:os.system ['python -c \"import {CODE}\"']\n"

CHECKPOINTS: dict[str, Plant] = {
    **{
        f"pickle {protocol} as {name}": content(name, lambda arms, protocol=protocol: arms.pickle(protocol))
        for protocol in (0, 2, 4, 5)
        for name in CHECKPOINT_FILES
    },
    **{
        f"a torch file as {name}": content(name, _torch_file) for name in ("model.safetensors", "optimizer.safetensors")
    },
    "an old torch file": content("model.safetensors", lambda arms: _torch_file(arms, zipped=False)),
    "a numpy file of objects": content("model.safetensors", _numpy_file),
    "compiled code": content("state.json", lambda arms: marshal.dumps(compile(f"import {CODE}", "x", "exec"))),
    "source code": content("state.json", lambda arms: f"__import__('{CODE}')".encode()),
    "YAML that calls": content("state.json", lambda arms: YAML.encode()),
    "a pickled manifest": lambda checkpoint, arms: (checkpoint / "manifest.json").write_bytes(arms.pickle()) and None,
    **{
        f"a further file {name}": content(name, Arms.pickle)
        for name in ("rng_state.pth", "scheduler.pt", "training_args.bin", "objective.pkl", "objective.safetensors")
    },
    **{f"{what} in the state": fields("state.json", **changes) for what, changes in NAMED.items()},
    **{f"{what} in the contract": fields("contract.json", **changes) for what, changes in NAMED.items()},
    **{f"a header with {what}": content("model.safetensors", make) for what, make in HEADERS.items()},
    "a manifest that leads up": listed("../../../outside.bin"),
    "a manifest that leads anywhere": listed("{outside}"),
    "a manifest that leads down and up": listed("state.json/../../../../outside.bin"),
    "a manifest with a backslash": listed("..\\..\\..\\outside.bin"),
    "a link to a file outside": replaced("model.safetensors", lambda path, arms: path.symlink_to(arms.outside)),
    "a link to itself": replaced("model.safetensors", lambda path, arms: path.symlink_to(path)),
    "a link to a device": replaced("state.json", lambda path, arms: path.symlink_to("/dev/zero")),
    "a pipe": replaced("model.safetensors", lambda path, arms: os.mkfifo(path)),
    "a pipe for the manifest": replaced("manifest.json", lambda path, arms: os.mkfifo(path)),
    "a link to a device for the manifest": replaced("manifest.json", lambda path, arms: path.symlink_to("/dev/zero")),
    "a socket": replaced("optimizer.safetensors", _socket),
    "a folder for a file": replaced("contract.json", lambda path, arms: path.mkdir()),
    "a link for the whole folder": _link_folder,
}


def file(name: str, make: Callable[[Arms], bytes]) -> Plant:
    """A model folder with a file of this content."""
    return lambda folder, arms: (folder / name).write_bytes(make(arms)) and None


def only_pickled(name: str) -> Plant:
    """A model folder whose weights are there as a pickle alone."""

    def plant(folder: Path, arms: Arms) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(_torch_file(arms))

    return plant


def index(place: str, *, decoy: bool = False) -> Plant:
    """A model folder whose index says that the weights lie elsewhere; a decoy looks like the weights it wants."""

    def plant(folder: Path, arms: Arms) -> None:
        from safetensors import safe_open

        with safe_open(folder / "model.safetensors", "pt") as weights:
            names = list(weights.keys())
        if decoy:
            (folder / "model.safetensors").rename(folder / "decoy.safetensors")
        else:
            (folder / "model.safetensors").unlink()
        (folder / "pytorch_model-00001-of-00001.bin").write_bytes(_torch_file(arms))
        place_there = place.format(outside=arms.outside)
        document = {"metadata": {}, "weight_map": dict.fromkeys(names, place_there)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(document))

    return plant


AUTO_MAP = {
    "AutoConfig": f"{CODE}.EvilConfig",
    "AutoModel": EVIL,
    "AutoModelForTokenClassification": EVIL,
    "AutoTokenizer": [EVIL, EVIL],
}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "an auto_map": {"auto_map": AUTO_MAP},
    "an auto_map and a request for trust": {"auto_map": AUTO_MAP, "trust_remote_code": True},
    "a request for trust": {"trust_remote_code": True},
    "an attention of its own": {"_attn_implementation_internal": EVIL},
    "an attention from a repository": {"_attn_implementation_internal": "hostile/kernels"},
    "an attention by its public name": {"attn_implementation": f"{CODE}:evil"},
    "an architecture to import": {"architectures": [EVIL]},
    "an activation to import": {"hidden_act": f"{CODE}.evil"},
    "a dtype to import": {"dtype": EVIL, "torch_dtype": EVIL},
    "a model type to import": {"model_type": CODE},
    "a quantisation of its own": {"quantization_config": {"quant_method": CODE, "modules": [EVIL]}},
    "a pipeline of its own": {"custom_pipelines": {"token-classification": {"impl": EVIL, "pt": ["AutoModel"]}}},
    "a target of hydra": {"_target_": EVIL},
    "a class path": {"_class_path": EVIL, "_instantiator": f"{CODE}.evil"},
    "labels that are code": {"id2label": {str(number): f"__import__('{CODE}')" for number in range(5)}},
}
TOKENIZERS: dict[str, dict[str, Any]] = {
    "an auto_map": {"auto_map": {"AutoTokenizer": [EVIL, EVIL]}},
    "a class to import": {"tokenizer_class": EVIL},
    "a processor to import": {"processor_class": EVIL, "auto_processor": EVIL},
    "a template that reaches out": {
        "chat_template": "{{ ''.__class__.__mro__[1].__subclasses__() }}{% set x = cycler.__init__.__globals__ %}"
    },
    "a file outside": {"tokenizer_file": "/etc/passwd", "vocab_file": "/etc/passwd"},
}
DECOYS = {
    "a leading-up": "../outside.bin",
    "an absolute": "{outside}",
    "a pickling": "pytorch_model-00001-of-00001.bin",
    "a device's": "/dev/zero",
}
ADAPTER = {
    "peft_type": "LORA",
    "base_model_name_or_path": ".",
    "auto_mapping": {"base_model_class": "Evil", "parent_library": CODE},
}

MODELS: dict[str, Plant] = {
    **{f"config.json with {what}": fields("config.json", **changes) for what, changes in CONFIGURATIONS.items()},
    **{f"a tokenizer with {what}": fields("tokenizer_config.json", **changes) for what, changes in TOKENIZERS.items()},
    "an adapter that imports": fields("adapter_config.json", **ADAPTER),
    "an adapter that is pickled": file("adapter_model.bin", _torch_file),
    "a generation that is code": fields("generation_config.json", custom_generate=EVIL, _target_=EVIL),
    "settings that are code": fields("companion.json", task=f"__import__('{CODE}')"),
    "settings with labels that are code": fields("companion.json", labels=[f"__import__('{CODE}')"] * 5),
    "settings that are pickled": file("companion.json", Arms.pickle),
    "weights as a pickle alone": only_pickled("pytorch_model.bin"),
    "weights as a checkpoint alone": only_pickled("model.ckpt"),
    "a pickle beside the weights": file("pytorch_model.bin", _torch_file),
    "pickled weights renamed": file("model.safetensors", Arms.pickle),
    "a torch file renamed": file("model.safetensors", _torch_file),
    "a pickled configuration": file("config.json", Arms.pickle),
    "a pickled tokenizer": file("tokenizer.json", Arms.pickle),
    "a pickled vocabulary": file("vocab.txt", Arms.pickle),
    "a package in the folder": file("__init__.py", lambda arms: f"import {CODE}\n".encode()),
    "an index that leads up": index("../outside.bin"),
    "an index that leads anywhere": index("{outside}"),
    "an index of pickles": index("pytorch_model-00001-of-00001.bin"),
    **{f"{decoy} index": index(place, decoy=True) for decoy, place in DECOYS.items()},
    **{f"weights with {what}": file("model.safetensors", HEADERS[what]) for what in list(HEADERS)[:3]},
    "a pipe for the weights": replaced("model.safetensors", lambda path, arms: os.mkfifo(path)),
    "a pipe for the configuration": replaced("config.json", lambda path, arms: os.mkfifo(path)),
    "a pipe for the tokenizer": replaced("tokenizer.json", lambda path, arms: os.mkfifo(path)),
    "a device for the weights": replaced("model.safetensors", lambda path, arms: path.symlink_to("/dev/zero")),
    "a device for the tokenizer": replaced("tokenizer.json", lambda path, arms: path.symlink_to("/dev/zero")),
}  # fmt: skip


def make_targets(folder: Path) -> None:
    """A finished run and an exported tagger, which the attacks start from."""
    from companion.models import load_encoder
    from companion.tasks import TokenTask
    from tests.tiny import LABELS
    from tests.tokenizers import make_model_folder

    stress.run(str(folder / "run"))
    task = TokenTask(LABELS, load_encoder(str(make_model_folder("wordpiece", folder / "encoder"))))
    task.export(task.model(), folder / "model")


def attack(targets: str, place: str, name: str) -> Watch:
    """One hostile file on a copy of its target; `place` is a folder that is not there yet."""
    root, arena = Path(place), "run" if name in CHECKPOINTS else "model"
    shutil.copytree(Path(targets) / arena, root / arena)
    arms = Arms(canary=root / "canary", outside=root / "outside.bin")
    arms.outside.write_bytes(_torch_file(arms))
    write_code(root / "code", arms.canary)
    if arena == "run":
        newest = sorted((root / "run" / "checkpoints").glob("step-*"))[-1]
        CHECKPOINTS[name](newest, arms)
    else:
        MODELS[name](root / "model", arms)
    with watching(arms, root / "code") as watch:
        try:
            _open(root / arena, arena)
            watch.outcome = "passed over" if arena == "run" else "ignored"
        except CompanionError as error:
            watch.outcome, watch.message = "refused", str(error).splitlines()[0]
        except Exception as error:
            watch.outcome, watch.message = type(error).__name__, str(error).splitlines()[0] if str(error) else ""
    return watch


def _open(folder: Path, arena: str) -> None:
    if arena == "run":
        stress.run(str(folder))
        return
    from companion.deployment import load

    load(folder).predict("Angela Merkel visited Wolfsburg .")


def attack_in_child(targets: Path, place: Path, name: str) -> Watch:
    """The attack in a child that is given up when it hangs."""
    child, connection = start(attack, str(targets), str(place), name)
    if not connection.poll(LIMIT):
        child.kill()
        child.join()
        return Watch(outcome="hangs", message=f"no answer for {LIMIT} s")
    return result_of(child, connection)
