"""An interactive figure that ships numbers, not pictures.

All settings travel with the page as rounded arrays; one small inline script draws the chosen one as SVG in the page's
own colours. Mouse, touch and keyboard work, and what changes is spoken. No kernel is needed, so the figure is the
same on the built page, in JupyterLab and in Colab.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from companion.errors import ConfigError
from companion.teaching.claims import number
from companion.teaching.compact import compacted
from companion.teaching.scales import Ticks, linear, logarithmic, rounded
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape
from companion.teaching.theme import style

LIMIT = 60_000
_HOOKS = f"data-ftc-control {NO_SHORTCUTS}"
_HINT = "Point at the figure, or focus it and use the arrow keys, to read its values."
_CSS = """
.ftc.ftc-explore{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-explore .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-explore .ftc-controls{display:flex;flex-wrap:wrap;gap:.5em 1.6em;margin:0 0 .4em}
.ftc.ftc-explore:not(.ftc-live) .ftc-controls,.ftc.ftc-explore:not(.ftc-live) .ftc-plot{display:none}
.ftc.ftc-explore .ftc-control{display:flex;flex-wrap:wrap;align-items:center;gap:0 .6em;margin:0;font-weight:400;
max-width:100%}
.ftc.ftc-explore .ftc-field{display:flex;align-items:center;gap:.6em;min-width:0}
.ftc.ftc-explore input{width:12em;min-width:5em;min-height:1.9em;margin:0;accent-color:var(--ftc-accent)}
.ftc.ftc-explore select{font:inherit;color:var(--ftc-text);background:var(--ftc-raised);padding:.2em .4em;
border:1px solid var(--ftc-strong-line);border-radius:.3em;max-width:100%}
.ftc.ftc-explore output{font-weight:600;min-width:3em;font-variant-numeric:tabular-nums}
.ftc.ftc-explore .ftc-keys{display:flex;flex-wrap:wrap;gap:.1em 1.2em;margin:0;padding:0;list-style:none;
font-size:.88em}
.ftc.ftc-explore .ftc-keys li{display:flex;align-items:center;gap:.45em;margin:0}
.ftc.ftc-explore .ftc-plot{touch-action:pan-y;border-radius:.3em;min-height:13em}
.ftc.ftc-explore :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-explore svg{display:block;max-width:100%;overflow:visible}
.ftc.ftc-explore text{fill:var(--ftc-muted);font-size:12px;font-family:inherit}
.ftc.ftc-explore .ftc-number{fill:var(--ftc-text)}
.ftc.ftc-explore .ftc-grid{stroke:var(--ftc-line);stroke-width:1}
.ftc.ftc-explore .ftc-axis{stroke:var(--ftc-strong-line);stroke-width:1}
.ftc.ftc-explore .ftc-cursor{stroke:var(--ftc-accent);stroke-width:1;stroke-dasharray:3 3}
.ftc.ftc-explore .ftc-line{fill:none;stroke:currentColor;stroke-width:2}
.ftc.ftc-explore .ftc-bar,.ftc.ftc-explore .ftc-dot{fill:currentColor}
.ftc.ftc-explore p{margin:.35em 0 0}
.ftc.ftc-explore .ftc-readout{color:var(--ftc-muted);font-size:.88em;min-height:1.5em}
"""
# The same six as in explore.js.
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "5 2 1 2 1 2", "1 3")

Setting = tuple[Any, ...]
Arrays = Mapping[str, Sequence[float]] | Sequence[float]


class Explore(Piece):
    """A line or bar figure with one to three controls, all of whose settings are shipped as numbers.

    `controls` maps a name to its options: numbers become a slider, anything else a menu. `values` maps every setting
    (a tuple with one option per control, or the bare option of a single control) to `{series: numbers}` or to the
    numbers of one series, one for each entry of `x`; it may also be a function of the options. `say` maps a setting,
    or is a function of it, to the sentence that is shown and spoken; without it the values are summed up. Both axes
    are the same for all settings, so that moving a control moves the data and not the ruler. Numbers are rounded to
    `significant` digits.

    Raises: ConfigError for 0 or more than 3 controls, a setting that is missing or unknown, arrays that do not match
    `x`, more than 6 series, nothing finite to draw, or more than 60 kB.
    Taught in: book/walkthroughs/train-a-tagger
    """

    __slots__ = ("controls", "kind", "series", "settings", "start", "title", "x", "y")

    def __init__(
        self,
        title: str,
        *,
        controls: Mapping[str, Sequence[Any]],
        x: Sequence[Any],
        values: Mapping[Any, Arrays] | Callable[..., Arrays],
        kind: Literal["line", "bar"] = "line",
        x_label: str = "",
        y_label: str = "",
        x_scale: Literal["linear", "log"] = "linear",
        y_scale: Literal["linear", "log"] = "linear",
        start: Any = None,
        say: Mapping[Any, str] | Callable[..., str] | None = None,
        significant: int = 3,
    ) -> None:
        self.title, self.kind = title, kind
        self.controls = {name: list(options) for name, options in controls.items()}
        if kind not in ("line", "bar") or {x_scale, y_scale} - {"linear", "log"}:
            raise self._wrong("unknown kind or scale", 'Use kind="line" or "bar", scales "linear" or "log".')
        repeated = any(len({*map(_option, options)}) < max(2, len(options)) for options in self.controls.values())
        if repeated or not 1 <= len(self.controls) <= 3:
            raise self._wrong("needs one to three controls of two or more different options", "Give {name: [options]}.")
        grid = list(itertools.product(*self.controls.values()))
        self.start = grid[0] if start is None else start if isinstance(start, tuple) else (start,)
        if self.start not in grid:
            raise self._wrong(f"starts at {self.start!r}, which is no setting", f"A setting is like {grid[0]!r}.")
        arrays = {setting: _named(values, y_label) for setting, values in self._each(values, grid, "values").items()}
        self.series = list(arrays[grid[0]])
        x = [entry.item() if hasattr(entry, "item") else entry for entry in x]
        self._check(arrays, x)
        numbers = {
            setting: [[rounded(value, significant) for value in named[name]] for name in self.series]
            for setting, named in arrays.items()
        }
        drawn = [value for rows in numbers.values() for row in rows for value in row if value is not None]
        self.y = self._axis(drawn + [0] * (kind == "bar"), y_label, y_scale)
        self.x = self._across(x, x_label, x_scale)
        sentences = self._each(say, grid, "say") if say is not None else {}
        self.settings = [
            {"values": numbers[setting], "says": sentences.get(setting) or self._summary(numbers[setting])}
            for setting in grid
        ]
        if len(self.html()) > LIMIT:
            raise self._wrong(
                f"{len(self.html()) / 1000:.0f} kB, at most {LIMIT // 1000}", "Ship fewer points, settings or digits."
            )

    def text(self) -> str:
        lines = [f"{name}: {', '.join(map(_option, options))}" for name, options in self.controls.items()]
        return "\n".join([f"Interactive figure: {self.title}", *lines, self._fallback()])

    def html(self) -> str:
        data = {
            "kind": self.kind,
            "series": self.series,
            "x": self.x,
            "y": self.y,
            "controls": [[_option(option) for option in options] for options in self.controls.values()],
            "settings": self.settings,
        }
        numbers = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        name = digest(self.title, self.start, numbers)
        controls = "".join(
            _control(*control) for control in zip(self.controls, self.controls.values(), self.start, strict=True)
        )
        named = [series for series in self.series if series]
        keys = "".join(_key(position, series, self.kind) for position, series in enumerate(named))
        legend = f'<ul class="ftc-keys">{keys}</ul>' if len(self.series) > 1 else ""
        return (
            f'<div class="ftc ftc-explore" data-ftc-explore="{name}" role="group"'
            f' aria-label="{escape(self.title)}" data-ftc-numbers="{escape(numbers)}">'
            f"{style(_CSS + _series_css(self.series))}"
            f'<p class="ftc-title">{escape(self.title)}</p><div class="ftc-controls">{controls}</div>{legend}'
            f'<div class="ftc-plot" role="slider" tabindex="0" {NO_SHORTCUTS} aria-label="Values, by arrow keys"'
            f' aria-valuemin="1" aria-valuemax="{len(self.x["names"])}" aria-valuenow="1"></div>'
            f'<p class="ftc-sentence" aria-live="polite">{escape(self._fallback())}</p>'
            f'<p class="ftc-readout" data-hint="{_HINT}"></p>'
            f'<script>(function(){{{compacted("explore.js")}ftcExplore("{name}");}})();</script></div>'
        )

    def _wrong(self, problem: str, remedy: str) -> ConfigError:
        return ConfigError(f"Explore({self.title!r}): {problem}", remedy=remedy)

    def _each(self, given: Any, grid: list[Setting], what: str) -> dict[Setting, Any]:
        if callable(given):
            return {setting: given(*setting) for setting in grid}
        keyed = {key if isinstance(key, tuple) else (key,): value for key, value in given.items()}
        absent = [setting for setting in grid if setting not in keyed]
        unknown = [key for key in keyed if key not in grid]
        if absent or unknown:
            told = (
                f"no {what} for setting {absent[0]!r}" if absent else f"{what} for {unknown[0]!r}, which is no setting"
            )
            raise self._wrong(told, f"Give {what} for each of the {len(grid)} settings, like {grid[0]!r}.")
        return keyed

    def _check(self, arrays: dict[Setting, dict[str, list[float]]], x: list[Any]) -> None:
        if not 1 <= len(self.series) <= 6 or not x:
            raise self._wrong(f"{len(self.series)} series over {len(x)} points", "Draw 1 to 6 series.")
        for setting, named in arrays.items():
            if list(named) != self.series:
                raise self._wrong(
                    f"setting {setting!r} has series {list(named)}, not {self.series}", "Name them alike."
                )
            for name, row in named.items():
                if len(row) != len(x):
                    raise self._wrong(
                        f"setting {setting!r}, series {name!r}: {len(row)} values for {len(x)} points of x",
                        "Give one value for each; NaN leaves a gap.",
                    )

    def _axis(self, values: Sequence[float], label: str, kind: str) -> dict[str, Any]:
        if not values or (kind == "log" and min(values) <= 0):
            raise self._wrong(f"nothing to draw on a {kind} axis", "Give finite values, positive ones for log.")
        low, high, ticks = logarithmic(values) if kind == "log" else linear(min(values), max(values))
        return {"label": label, "range": [low, high], "ticks": ticks, "log": kind == "log"}

    def _across(self, x: list[Any], label: str, kind: str) -> dict[str, Any]:
        if self.kind == "bar":
            return {"label": label, "names": [str(name) for name in x]}
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in x):
            raise self._wrong("x of a line figure must be finite numbers", 'Use kind="bar" for names.')
        x = [rounded(value, 6) for value in x]
        axis = self._axis(x, label, kind)
        inside: Ticks = [tick for tick in axis["ticks"] if min(x) <= tick[0] <= max(x)]
        return {
            **axis,
            "range": [min(x), max(x)],
            "ticks": inside,
            "values": x,
            "names": [number(value) for value in x],
        }

    def _summary(self, rows: list[list[float | None]]) -> str:
        names, said = self.x["names"], []
        for series, row in zip(self.series, rows, strict=True):
            known = [(value, name) for value, name in zip(row, names, strict=True) if value is not None]
            opening = f"{series}: " if series else ""
            if not known:
                said.append(f"{opening}no value")
            elif self.kind == "bar":
                said.append(opening + ", ".join(f"{name} {number(value)}" for value, name in known))
            else:
                low, high = min(known, key=lambda pair: pair[0]), max(known, key=lambda pair: pair[0])
                said.append(f"{opening}lowest {number(low[0])} at {low[1]}, highest {number(high[0])} at {high[1]}")
        return "; ".join(said) + "."

    def _fallback(self) -> str:
        grid = list(itertools.product(*self.controls.values()))
        chosen = ", ".join(f"{name} {_option(at)}" for name, at in zip(self.controls, self.start, strict=True))
        return f"At {chosen}: {self.settings[grid.index(self.start)]['says']}"


def _named(arrays: Arrays, label: str) -> dict[str, list[float]]:
    named = arrays if isinstance(arrays, Mapping) else {label: arrays}
    return {str(name): [float(value) for value in row] for name, row in named.items()}


def _control(name: str, options: list[Any], at: Any) -> str:
    position = options.index(at)
    if all(isinstance(option, int | float) and not isinstance(option, bool) for option in options):
        field = (
            f'<input type="range" min="0" max="{len(options) - 1}" step="1" value="{position}" {_HOOKS}>'
            f"<output>{escape(_option(at))}</output>"
        )
    else:
        choices = "".join(
            f'<option value="{n}"{" selected" if n == position else ""}>{escape(_option(option))}</option>'
            for n, option in enumerate(options)
        )
        field = f"<select {_HOOKS}>{choices}</select>"
    return f'<label class="ftc-control"><span>{escape(name)}</span> <span class="ftc-field">{field}</span></label>'


def _option(option: Any) -> str:
    return number(option) if isinstance(option, int | float) else str(option)


def _key(position: int, series: str, kind: str) -> str:
    if kind == "bar":
        drawn = f'<rect width="12" height="12" y="-1" class="ftc-bar ftc-s{position}"></rect>'
    else:
        dashes = _DASHES[position]
        drawn = f'<line x2="26" y1="5" y2="5" stroke-dasharray="{dashes}" class="ftc-line ftc-s{position}"></line>'
    width = 12 if kind == "bar" else 26
    return f'<li><svg width="{width}" height="10" aria-hidden="true">{drawn}</svg>{escape(series)}</li>'


def _series_css(series: Sequence[str]) -> str:
    return "".join(f".ftc.ftc-explore .ftc-s{n}{{color:var(--ftc-series-{n})}}" for n in range(len(series)))
