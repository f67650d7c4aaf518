"""Self-checks: a starter cell runs and says `not yet: …`, a solution says `done: …`, and neither ever raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from companion.errors import ConfigError
from companion.teaching.seal import Seal
from companion.teaching.surface import present

Test = tuple[str, Callable[[], object]]


def check(title: str, tests: Sequence[Test]) -> None:
    """Run the tests in order and show `done: title`, or `not yet:` and the description of the first that fails.

    A test is a description and a function without arguments that returns something true; one that raises, or returns
    something false, has failed. Write the description for the reader who sees it: it says what should be so.

    Raises: ConfigError for no tests or a malformed one; never what an answer raises.
    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if not tests:
        raise ConfigError(f"check({title!r}): no tests", remedy="Give [(description, function), …].")
    for test in tests:
        well_formed = isinstance(test, tuple) and len(test) == 2 and isinstance(test[0], str) and callable(test[1])
        if not well_formed:
            raise ConfigError(
                f"check({title!r}): {test!r} is not a (description, function) pair",
                remedy='Write ("two rows give their mean", lambda: mean([1, 3]) == 2).',
            )
    for description, test in tests:
        trouble = _trouble(test)
        if trouble is not None:
            present(Seal(opening="not yet", sentence=description, note=trouble, waiting=True))
            return
    count = "its test passes" if len(tests) == 1 else f"all {len(tests)} tests pass"
    present(Seal(opening="done", sentence=title, note=count))


def _trouble(test: Callable[[], object]) -> str | None:
    """None for a test that passes, else what it raised ("" when it only returned something false)."""
    try:
        return None if bool(test()) else ""
    except NotImplementedError:
        return "not written yet"
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        # An address would make the same answer print another text each time.
        said = re.sub(r"0x[0-9a-fA-F]+", "0x…", first)[:160]
        return f"{type(error).__name__}: {said}" if said else type(error).__name__
