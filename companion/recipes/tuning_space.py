"""What a search may choose: plain typed ranges and choices for the settings of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from companion.errors import ConfigError
from companion.training.config import TrainConfig

TUNABLE = (
    "learning_rate",
    "epochs",
    "batch_size",
    "weight_decay",
    "warmup",
    "schedule",
    "clip_norm",
    "beta1",
    "beta2",
    "epsilon",
    "max_updates",
)
"""The settings that a search may choose: `batch_size` and these fields of `TrainConfig`."""
WHOLE = ("epochs", "batch_size", "max_updates")
BELOW, ABOVE = 8, 4
"""The default range of the learning rate: from an eighth of the suggested one to four times it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogUniform:
    """Any number between two positive ends; each factor of ten is as likely as the next.

    Raises:
        ConfigError: the ends are not 0 < low < high.

    Taught in: book/walkthroughs/honest-experiments
    """

    low: float
    """The smallest value."""
    high: float
    """The largest value."""

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)
        if self.low <= 0:
            raise ConfigError(
                f"a logarithmic range cannot start at {self.low:g}", remedy="start above 0, for example 1e-5..1e-3"
            )

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}, by factors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Uniform:
    """Any number between two ends, all equally likely.

    Raises:
        ConfigError: the ends are not low < high.

    Taught in: book/walkthroughs/honest-experiments
    """

    low: float
    """The smallest value."""
    high: float
    """The largest value."""

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few values.

    Raises:
        ConfigError: there is none, one occurs twice, or one is neither a number nor a text.

    Taught in: book/walkthroughs/honest-experiments
    """

    values: tuple[Any, ...]
    """The values, in the order they are shown."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values or len(set(self.values)) < len(self.values):
            raise ConfigError(
                f"the choices are {list(self.values)}", remedy="give at least one value, and each of them once"
            )
        for value in self.values:
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise ConfigError(f"{value!r} is no choice", remedy="give numbers or texts")

    def __str__(self) -> str:
        return " | ".join(map(_short, self.values))


Distribution = LogUniform | Uniform | Choice
Space = Mapping[str, Distribution]


def default_space(learning_rate: float) -> dict[str, Distribution]:
    """What is worth searching when a pre-trained encoder is fine-tuned, around the rate suggested for its size.

    Follows: Devlin et al. (2019), appendix A.3, for rates, batch sizes and epochs, widened; Mosbach et al. (2021), "On
    the Stability of Fine-tuning BERT", for more epochs and warm-up.
    Taught in: book/walkthroughs/honest-experiments
    """
    return {
        "learning_rate": LogUniform(low=learning_rate / BELOW, high=learning_rate * ABOVE),
        "epochs": Choice(values=(2, 4, 8)),
        "batch_size": Choice(values=(8, 16, 32)),
        "weight_decay": Choice(values=(0.0, 0.01, 0.1)),
        "warmup": Uniform(low=0.0, high=0.2),
        "schedule": Choice(values=("linear", "cosine")),
    }


def check_space(space: Space, sampler: str) -> None:
    """Refuse a space with a setting that is unknown, a value that `TrainConfig` would refuse, or no grid for a grid.

    Raises:
        ConfigError: naming the setting.
    """
    if not space:
        raise ConfigError("the search space is empty", remedy=f"name at least one of {', '.join(TUNABLE)}")
    for name, distribution in space.items():
        if name not in TUNABLE:
            raise ConfigError(f"no setting {name!r} can be searched", remedy=f"choose among {', '.join(TUNABLE)}")
        if not isinstance(distribution, Distribution):
            raise ConfigError(
                f"the range of {name} is {distribution!r}", remedy="give a LogUniform, a Uniform or a Choice"
            )
        chosen = isinstance(distribution, Choice)
        if not chosen and name in (*WHOLE, "schedule"):
            kind, example = ("names", "linear|cosine") if name == "schedule" else ("whole numbers", "2|4|8")
            raise ConfigError(f"{name} takes {kind}, not a range", remedy=f"list them, as in {name}={example}")
        if sampler == "grid" and not chosen:
            raise ConfigError(
                f"a grid cannot hold the range of {name} ({distribution})",
                remedy=f"list its values, as in {name}={distribution.low:g}|{distribution.high:g}, or search at random",
            )
        for value in distribution.values if chosen else (distribution.low, distribution.high):
            _check_value(name, value)


def read_space(text: str) -> dict[str, Distribution]:
    """The space that a line describes: `learning_rate=1e-5..1e-3,epochs=2|4|8`.

    `low..high` is a range (of the learning rate and epsilon by factors, else plain), values joined by `|` are choices.

    Raises:
        ConfigError: naming the part that cannot be read, with an example.
    """
    space: dict[str, Distribution] = {}
    for item in text.split(","):
        name, given, values = (part.strip() for part in item.partition("="))
        if not given or not name or not values:
            raise ConfigError(
                f"the search space has {item.strip()!r}",
                remedy="write NAME=LOW..HIGH or NAME=ONE|TWO, as in learning_rate=1e-5..1e-3,epochs=2|4|8",
            )
        if name in space:
            raise ConfigError(f"{name} stands twice in the search space", remedy="give each setting once")
        space[name] = _read_distribution(name, values)
    return space


def grid_of(space: Mapping[str, Choice]) -> list[dict[str, Any]]:
    """Every combination of the choices; the last setting varies fastest."""
    return [dict(zip(space, values, strict=True)) for values in product(*(part.values for part in space.values()))]


def space_to_json(space: Space) -> dict[str, Any]:
    """The space as JSON-ready values, for a plan that can be compared."""
    return {name: {type(part).__name__: list(asdict(part).values())} for name, part in space.items()}


def describe_space(space: Space) -> str:
    """One line a setting, for people."""
    width = max(map(len, space))
    return "\n".join(f"  {name:<{width}}  {part}" for name, part in space.items())


def _read_distribution(name: str, values: str) -> Distribution:
    low, spans, high = values.partition("..")
    if spans:
        ends = [_number(low), _number(high)]
        if not all(isinstance(end, int | float) for end in ends):
            raise ConfigError(
                f"the range of {name} is {values!r}", remedy="write two numbers, as in learning_rate=1e-5..1e-3"
            )
        kind = LogUniform if name in ("learning_rate", "epsilon") else Uniform
        return kind(low=float(ends[0]), high=float(ends[1]))
    return Choice(values=tuple(_number(value.strip()) for value in values.split("|")))


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_value(name: str, value: Any) -> None:
    try:
        # The batch size obeys the rule of every other count.
        TrainConfig(**{"accumulate" if name == "batch_size" else name: value})
    except ConfigError as error:
        problem = error.problem.replace("accumulate", "batch_size")
        raise ConfigError(f"the search space: {problem}", remedy=error.remedy) from error


def _check_ends(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            f"the range goes from {low:g} to {high:g}", remedy="give two numbers, the smaller one first: 1e-5..1e-3"
        )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
