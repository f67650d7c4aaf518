"""The commands: `corpora | train | tune | evaluate | compare | predict | export | serve | doctor | audit | …`."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a problem the message explains, 2 wrong usage, 130 stopped.

    Nothing heavy is imported before a command needs it.
    """
    from companion.cli.app import build_app
    from companion.cli.output import spoken_warnings
    from companion.errors import CompanionError

    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with spoken_warnings():
            build_app()(args=arguments, prog_name="companion")
    except CompanionError as error:
        _report(error, as_json="--json" in arguments)
        return 1
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _report(error: Exception, *, as_json: bool) -> None:
    from companion.cli.output import plain

    if as_json:
        import json

        place = {name: getattr(error, name, None) for name in ("file", "line", "remedy")}
        problem = {"error": type(error).__name__, "message": getattr(error, "problem", str(error)), **place}
        print(json.dumps(problem, ensure_ascii=False))
    print(f"companion: {plain(str(error))}", file=sys.stderr)
