"""What a program's text says as a whole: its functions, what its loops reach, and what its names were made of."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from companion.doctor.reading.source import Source
from companion.doctor.reading.syntax import FUNCTIONS, LOOPS, constant, dotted, keyword, last

COMMON = frozenset(
    [
        "step",
        "train",
        "eval",
        "zero_grad",
        "backward",
        "to",
        "forward",
        "parameters",
        "state_dict",
        "append",
        "get",
        "update",
        "fit",
        "predict",
        "compute",
        "save",
        "load",
    ]
)
"""Method names that say nothing about whose they are."""
OPTIMIZER = re.compile(r"optim|(^|[._])opt([_\d.]|$)", re.IGNORECASE)
SCHEDULE = re.compile(r"sched|LRStepper|(^|[._])lr_s", re.IGNORECASE)
SCHEDULES = re.compile(r"schedule|(LR|Restarts|Plateau)$")
OPTIMIZERS = frozenset(
    [
        "SGD",
        "Adam",
        "AdamW",
        "NAdam",
        "RAdam",
        "Adamax",
        "Adagrad",
        "Adadelta",
        "RMSprop",
        "LBFGS",
        "Adafactor",
        "Lion",
        "LAMB",
        "AdamW8bit",
    ]
)
DEEPEST = 6


class Script:
    """A source with the questions that several rules ask of it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tree = source.tree
        self.nodes = list(ast.walk(self.tree))
        self._reached: dict[ast.AST, list[ast.AST]] = {}
        self.parents = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @cached_property
    def calls(self) -> list[ast.Call]:
        """All calls, as they are written."""
        found = [node for node in self.nodes if isinstance(node, ast.Call)]
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def called(self, *names: str) -> list[ast.Call]:
        """The calls of a function whose last name is one of these."""
        return [call for call in self.calls if last(call.func) in names]

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes that are written here."""
        return {node.name: node for node in self.nodes if isinstance(node, ast.ClassDef)}

    @cached_property
    def functions(self) -> dict[str, list[ast.AST]]:
        """The functions written here that are no methods, by name."""
        found: dict[str, list[ast.AST]] = defaultdict(list)
        for node in self.nodes:
            if isinstance(node, FUNCTIONS) and not isinstance(self.parents.get(node), ast.ClassDef):
                found[node.name].append(node)
        return found

    @cached_property
    def methods(self) -> dict[str, list[ast.AST]]:
        """The methods written here, by name."""
        found: dict[str, list[ast.AST]] = defaultdict(list)
        for owner in self.classes.values():
            for node in owner.body:
                if isinstance(node, FUNCTIONS):
                    found[node.name].append(node)
        return found

    @cached_property
    def origins(self) -> dict[str, list[ast.expr]]:
        """What was assigned to a name or an attribute, anywhere in the file."""
        found: dict[str, list[ast.expr]] = defaultdict(list)
        for node in self.nodes:
            pairs: list[tuple[ast.expr, ast.expr]] = []
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                pairs = [(node.optional_vars, node.context_expr)]
            for target, value in pairs:
                for one, its in _unpacked(target, value):
                    if name := dotted(one):
                        found[name].append(its)
        return found

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name is: `{"AdamW": "transformers.AdamW", "nn": "torch.nn"}`."""
        found = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    found[name] = alias.name if alias.asname else name
                    found.setdefault(alias.name, alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def full(self, node: ast.AST | None) -> str:
        """`dotted` with its first part as it was imported: `optim.AdamW` is `torch.optim.AdamW`."""
        name = dotted(node)
        first, dot, rest = name.partition(".")
        return f"{self.imports.get(first, first)}{dot}{rest}"

    def imports_from(self, *packages: str) -> bool:
        """Whether something of one of these packages is imported."""
        return any(full.split(".")[0] in packages for full in self.imports.values())

    # What things are ----------------------------------------------------------------------------------------------

    def made_by(self, owner: ast.AST) -> list[str]:
        """The last names of what was called to make a name."""
        return [last(value.func) for value in self.origins.get(dotted(owner), ()) if isinstance(value, ast.Call)]

    def is_schedule(self, owner: ast.AST) -> bool:
        """Whether this is a learning-rate schedule."""
        made = self.made_by(owner)
        return bool(SCHEDULE.search(dotted(owner))) or any(SCHEDULES.search(name) for name in made)

    def is_optimizer(self, owner: ast.AST) -> bool:
        """Whether this is an optimiser."""
        if self.is_schedule(owner):
            return False
        made = self.made_by(owner)
        return bool(OPTIMIZER.search(dotted(owner))) or any(name in OPTIMIZERS for name in made)

    def is_trainer(self, owner: ast.AST) -> bool:
        """Whether this is something that trains, and no model: a Trainer, or an object of a class written here."""
        made = self.made_by(owner)
        here = any(
            name in self.classes
            and any(isinstance(m, FUNCTIONS) and m.name == "train" for m in self.classes[name].body)
            for name in made
        )
        return "trainer" in dotted(owner).lower() or any("Trainer" in name for name in made) or here

    @cached_property
    def trainers(self) -> list[ast.Call]:
        """The calls that make a Hugging Face Trainer, or one made like it."""
        return [
            call
            for call in self.calls
            if last(call.func).endswith("Trainer") and (keyword(call, "args", "train_dataset", "model") is not None)
            if not self.imports_from("lightning", "pytorch_lightning")
        ]

    def value_of(self, node: ast.AST | None, depth: int = 3) -> object:
        """The literal that a node is, or that its name was given once; None where there is none."""
        found = constant(node)
        if found is None and depth and isinstance(node, ast.Name | ast.Attribute):
            values = self.origins.get(dotted(node), [])
            return self.value_of(values[0], depth - 1) if len(values) == 1 else None
        return found

    def spread(self, node: ast.AST | None, depth: int = 3) -> Iterator[ast.AST]:
        """A node and what the names inside it were made of, name by name."""
        if node is None:
            return
        yield node
        if depth:
            for part in ast.walk(node):
                if isinstance(part, ast.Name):
                    for value in self.origins.get(part.id, ())[:4]:
                        yield from self.spread(value, depth - 1)

    @cached_property
    def models(self) -> list[ast.Call]:
        """The calls that load a pretrained model with a head of some kind."""
        return [
            call
            for call in self.calls
            if isinstance(call.func, ast.Attribute)
            and call.func.attr in ("from_pretrained", "from_config")
            and re.search(r"For[A-Z]|Model", last(call.func.value) or "")
        ]

    @cached_property
    def tags_words(self) -> bool:
        """Whether words are labelled: a head on tokens is loaded or written out."""
        return any("TokenClassification" in last(call.func.value) for call in self.models) or any(
            "TokenClassification" in name for name in self.imports
        )

    # What is reached ----------------------------------------------------------------------------------------------

    def targets(self, node: ast.AST, inside: ast.ClassDef | None = None) -> list[ast.AST]:
        """The functions of this file that a name or an attribute refers to."""
        if isinstance(node, ast.Name):
            return self.functions.get(node.id, [])
        if not isinstance(node, ast.Attribute) or node.attr not in self.methods:
            return []
        methods = self.methods[node.attr]
        owner = dotted(node.value)
        if owner in ("self", "cls"):
            home = self.class_of(node)
            return [m for m in methods if self.parents[m] is home] or methods
        made = {name for name in self.made_by(node.value) if name in self.classes}
        if made:
            return [m for m in methods if self.parents[m].name in made]
        return [] if node.attr in COMMON else methods

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class in which a node stands."""
        return next((up for up in self.above(node) if isinstance(up, ast.ClassDef)), None)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, the nearest first."""
        while (node := self.parents.get(node)) is not None:
            yield node

    def function_of(self, node: ast.AST) -> ast.AST | None:
        """The function in which a node stands."""
        return next((up for up in self.above(node) if isinstance(up, FUNCTIONS)), None)

    def reach(self, node: ast.AST) -> list[ast.AST]:
        """Everything inside a node and inside the functions of this file that it refers to, each once."""
        if node not in self._reached:
            self._reached[node] = self._reach(node)
        return self._reached[node]

    def _reach(self, node: ast.AST) -> list[ast.AST]:
        seen: dict[int, None] = {}
        found: list[ast.AST] = []
        waiting = [(node, 0)]
        while waiting:
            top, depth = waiting.pop(0)
            if id(top) in seen:
                continue
            seen[id(top)] = None
            for part in ast.walk(top):
                found.append(part)
                if depth < DEEPEST and isinstance(part, ast.Name | ast.Attribute):
                    waiting += [(target, depth + 1) for target in self.targets(part)]
        return found

    @cached_property
    def loops(self) -> list[ast.AST]:
        """Loops and comprehensions, in the order of the text."""
        return sorted((node for node in self.nodes if isinstance(node, LOOPS)), key=lambda node: node.lineno)

    def calls_reached(self, node: ast.AST) -> list[ast.Call]:
        """The calls among what a node reaches."""
        return list(calls_among(self.reach(node)))


def calls_among(nodes: list[ast.AST]) -> Iterator[ast.Call]:
    """The calls among nodes that were walked already."""
    return (node for node in nodes if isinstance(node, ast.Call))


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List):
        same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for place, one in enumerate(target.elts):
            yield from _unpacked(one, value.elts[place] if same else value)
    else:
        yield target, value
