"""The commands: `corpora | train | tune | evaluate | compare | predict | export | serve | doctor | audit | …`."""

from __future__ import annotations

import errno
import os
import sys

FULL = (errno.ENOSPC, errno.EDQUOT)
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a problem the message explains, 2 wrong usage, 130 stopped.

    Who stops reading standard output early, as `head -1` does, is told nothing: 1. Nothing heavy is imported before a
    command needs it.
    """
    from companion.cli.app import build_app
    from companion.cli.output import spoken_warnings
    from companion.errors import CompanionError

    arguments = sys.argv[1:] if arguments is None else arguments
    code = 0
    try:
        with spoken_warnings():
            build_app()(args=arguments, prog_name="companion")
    except CompanionError as error:
        _report(error, as_json="--json" in arguments)
        code = 1
    except OSError as error:
        if error.errno in DENIED and error.filename:
            remedy = "name another file or folder, or change who may read and write it (ls -ld shows it)"
            refused = CompanionError(os.strerror(error.errno), file=os.fsdecode(error.filename), remedy=remedy)
            _report(refused, as_json="--json" in arguments)
        elif error.errno in FULL:
            _report(error, as_json=False)
        else:
            raise
        code = 1
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    undelivered = _undelivered(told=code != 0)
    return code or undelivered


def _undelivered(*, told: bool) -> int:
    """0 where all that was printed has arrived; else 1 and the reason, unless it is told or the reader went away.

    What is left in the buffer would be written as Python ends, where nothing can answer for it.
    """
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        if not told and not isinstance(error, BrokenPipeError):
            _report(error, as_json=False)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return 1
    return 0


def _report(error: Exception, *, as_json: bool) -> None:
    from companion.cli.output import plain

    if as_json:
        import json

        place = {name: getattr(error, name, None) for name in ("file", "line", "remedy")}
        problem = {"error": type(error).__name__, "message": getattr(error, "problem", str(error)), **place}
        print(json.dumps(problem, ensure_ascii=False))
    told = f"nothing more can be written: {error.strerror}" if isinstance(error, OSError) else str(error)
    print(f"companion: {plain(told)}", file=sys.stderr)
