"""Everything that `make torture-service` does to the service, part by part; a part that has a record is skipped.

    python -m tests.faults.service_all                     every part, into data/records/service
    python -m tests.faults.service_all --part faults       one part
    python -m tests.faults.service_all --size small --out .  a few of each, to see that it works

Remove a record to measure its part again. The exit code is 0 where every part came out as it must.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from companion.experiments.records import run_cells
from tests.faults.torture_all import Part, _in_a_line

EXPERIMENT = "service"
ROOT = Path(__file__).resolve().parents[2]
COMMAND = "make torture-service"
PAGE_TAGS = {"html", "meta", "title", "style", "h1", "p", "h2", "table", "tr", "th", "td", "code", "pre", "a"}


def measure_faults(folder: Path, *, part: str, requests: int, seed: int) -> dict[str, Any]:
    """Requests with random faults among them: wrong answers, statuses, and the memory of the process."""
    import companion
    from tests.faults.service import expected, make_folder
    from tests.faults.service_life import LENGTHS, ask_with_faults, child

    model = make_folder(folder, "model")
    predictor = companion.load(model)
    words = ["Angela", "Merkel", "visited", "New York City", ".", "Müller", "left", "São Paulo", "for", "Wolfsburg"]
    texts = [" ".join(words[turn % len(words) :][:3] * length) for length in LENGTHS for turn in range(6)]
    answers = {text: {"entities": expected(predictor, text)} for text in texts}
    with child(model, folder / "port") as (process, port):
        return ask_with_faults(port, process.pid, answers, requests=requests, seed=seed)


def measure_idle(folder: Path, *, part: str, sockets: int, requests: int) -> dict[str, Any]:
    """The time of healthy requests beside sockets that say nothing or a byte at a time, and without them, in turns."""
    from tests.faults.service import ask, head, make_folder
    from tests.faults.service_life import child

    times: dict[str, list[float]] = {"alone": [], "beside": []}
    with child(make_folder(folder, "model"), folder / "port", receive_seconds=120.0) as (_, port):
        for number in range(4):
            ask(port, {"text": "Angela Merkel left"})
            held = [socket.create_connection(("127.0.0.1", port)) for _ in range(sockets if number % 2 else 0)]
            for connection in held[::2]:
                connection.sendall(head()[:10])
            for turn in range(requests // 4):
                if held:
                    held[2 * (turn % (len(held) // 2))].sendall(b"x")
                start = time.perf_counter()
                status, _ = ask(port, {"text": "Angela Merkel left"})
                times["beside" if held else "alone"].append(time.perf_counter() - start)
                if status != 200:
                    raise RuntimeError(f"a healthy request got {status}")
            for connection in held:
                connection.close()
    found = {name: {f"p{share}": _percentile(values, share) for share in (50, 99)} for name, values in times.items()}
    ratios = {
        f"p{share}_ratio": round(found["beside"][f"p{share}"] / found["alone"][f"p{share}"], 2) for share in (50, 99)
    }
    return {"sockets": sockets, "requests": requests, **ratios, "milliseconds": found}


def measure_canaries(folder: Path, *, part: str, attempts: int) -> dict[str, Any]:
    """Words put wherever a client can put some, and where they come back."""
    from companion.deployment.service.app import serve_app
    from companion.deployment.service.masking import set_up_logging
    from tests.faults.service import attack_with_canaries, everything_logged, get, make_folder, running, settings

    set_up_logging().handlers.clear()
    with (
        running(serve_app({"default": make_folder(folder, "model")}, settings())) as port,
        everything_logged() as lines,
    ):
        used, replies = attack_with_canaries(port, count=attempts // 12)
        numbers = get(port, "/metrics")[1]
    places = {"replies": replies, "log": lines, "metrics": numbers.splitlines()}
    found = {name: sum("canary" in text.lower() for text in texts) for name, texts in places.items()}
    return {"canaries": used, "log_lines": len(lines), "found": sum(found.values()), "found_in": found}


def script_strings() -> list[str]:
    """More than a hundred strings that are code where HTML is not escaped."""
    tags = ("script", "img", "svg", "iframe", "body", "input", "details", "video", "math", "object")
    forms = (
        "<{tag}>alert(1)</{tag}>",
        '"><{tag} src=x onerror=alert(1)>',
        "'><{tag} onload=alert(1)>",
        "</code></pre><{tag} onfocus=alert(1) autofocus>",
        "</title><{tag} href=javascript:alert(1)>",
        "<{tag}/onmouseover=alert(1)//",
        "--><{tag} style=background:url(javascript:alert(1))>",
        "<<{tag}>alert(1)//<</{tag}>",
        "</table><{tag} onerror='alert(1)'>",
        "&lt;<{tag}>&#x3c;",
        "\u2028<{tag}>",
    )
    return [form.format(tag=tag) for tag, form in product(tags, forms)]


def measure_scripts(folder: Path, *, part: str, every: int) -> dict[str, Any]:
    """Script strings as label names of a model that is served, on the page that shows them."""
    from companion.deployment.service.app import serve_app
    from companion.deployment.service.page import api_page
    from tests.faults.service import make_folder

    scripts = script_strings()[::every]
    app = serve_app({"default": make_folder(folder, "model")})
    labels = ["O", *scripts]
    page = api_page(app.openapi(), [{"name": scripts[0], "task": scripts[-1], "format": scripts[0], "labels": labels}])
    app.state.batcher.close()
    unescaped = [script for script in scripts if script in page]
    missing = [script for script in scripts if html.escape(script) not in page]
    tags = set(re.findall(r"<([a-z][a-z0-9]*)", page)) - PAGE_TAGS
    return {
        "strings": len(scripts),
        "unescaped": len(unescaped),
        "not_shown": len(missing),
        "foreign_tags": sorted(tags),
    }


def measure_ends(folder: Path, *, part: str, ends: int) -> dict[str, Any]:
    """SIGTERM again and again, each time with requests on their way."""
    from tests.faults.service import make_folder
    from tests.faults.service_life import child, end_with_requests_on_their_way

    model, statuses, codes = make_folder(folder, "model"), Counter(), Counter()
    for number in range(ends):
        with child(model, folder / f"port-{number}", slowness=0.05, drain_seconds=0.1) as (process, port):
            found, code = end_with_requests_on_their_way(process, port)
        statuses.update(found)
        codes[code] += 1
    return {"ends": ends, "answered": statuses["200"], "others": sum(statuses.values()) - statuses["200"],
            "exit_codes": {str(code): count for code, count in codes.items()}}  # fmt: skip


def measure_swaps(folder: Path, *, part: str, swaps: int) -> dict[str, Any]:
    """A model replaced by another and back while clients ask: each answer is that of one of the two."""
    import companion
    from companion.deployment.service.app import serve_app
    from tests.faults.service import ask, expected, make_folder, running, settings

    folders = [make_folder(folder, name, seed=seed) for name, seed in (("one", 3), ("other", 9))]
    text = "Angela Merkel visited New York City . Müller left Wolfsburg ."
    known = [expected(companion.load(place), text) for place in folders]
    app, found, done = serve_app({"default": folders[0]}, settings()), Counter(), threading.Event()

    def client(port: int) -> None:
        while not done.is_set():
            status, answer = ask(port, {"text": text})
            entities = answer["results"][0]["entities"] if status == 200 else None
            found["one" if entities == known[0] else "other" if entities == known[1] else "neither"] += 1

    with running(app) as port:
        threads = [threading.Thread(target=client, args=(port,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(swaps):
            app.state.registry.swap("default", folders[(number + 1) % 2])
        done.set()
        for thread in threads:
            thread.join()
    return {
        "swaps": swaps,
        "answers": sum(found.values()),
        **{name: found[name] for name in ("one", "other", "neither")},
    }


def measure_schema(folder: Path, *, part: str, examples: int, seed: int) -> dict[str, Any]:
    """What schemathesis makes from the service's own description; a failure is a status of 500 or more."""
    from tests.faults.service import make_folder
    from tests.faults.service_life import child

    with child(make_folder(folder, "model"), folder / "port", max_body=100_000) as (_, port):
        words = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json"]
        words += ["--checks", "not_a_server_error", "--max-examples", str(examples), "--seed", str(seed)]
        done = subprocess.run([*words, "--no-color", "--mode", "all"], capture_output=True, text=True, cwd=folder)
    counts = re.search(r"([\d,]+) generated", done.stdout)
    return {
        "exit_code": done.returncode,
        "cases": int(counts[1].replace(",", "")) if counts else 0,
        "server_errors": len(re.findall(r"Server error", done.stdout)),
        "tail": done.stdout.strip().splitlines()[-12:],
    }


def _percentile(values: list[float], share: int) -> float:
    return round(1000 * sorted(values)[min(len(values) - 1, len(values) * share // 100)], 3)


def parts(size: str = "full") -> dict[str, Part]:
    """Every part: in full, with a few trials each ("small"), or something between ("moderate")."""
    small = size == "small"
    attempts = {"small": 120, "moderate": 2_400, "full": 10_008}[size]
    requests = {"small": 400, "moderate": 2_000, "full": 100_000}[size]
    return {
        "scripts": Part(
            cells=[{"part": "scripts", "every": 5 if small else 1}],
            measure=measure_scripts,
            passed=lambda found: not (found["unescaped"] or found["not_shown"] or found["foreign_tags"]),
        ),
        "canaries": Part(
            cells=[{"part": "canaries", "attempts": attempts}],
            measure=measure_canaries,
            passed=lambda found: found["found"] == 0 < found["log_lines"],
        ),
        "idle": Part(
            cells=[{"part": "idle", "sockets": 50 if small else 500, "requests": 80 if small else 1600}],
            measure=measure_idle,
            passed=lambda found: found["p99_ratio"] <= 2,
        ),
        "ends": Part(
            cells=[{"part": "ends", "ends": 2 if small else 20}],
            measure=measure_ends,
            passed=lambda found: found["others"] == 0 and set(found["exit_codes"]) == {"0"},
        ),
        "swaps": Part(
            cells=[{"part": "swaps", "swaps": 4 if small else 100}],
            measure=measure_swaps,
            passed=lambda found: found["neither"] == 0 < min(found["one"], found["other"]),
        ),
        "schema": Part(
            cells=[{"part": "schema", "examples": 10 if small else 300, "seed": 0}],
            measure=measure_schema,
            passed=lambda found: found["exit_code"] == 0 == found["server_errors"] < found["cases"],
        ),
        "faults": Part(
            cells=[{"part": "faults", "requests": requests, "seed": 0}],
            measure=measure_faults,
            passed=lambda found: (
                found["wrong_answers"] == 0
                and "500" not in found["statuses"]
                and (found["requests"] < 10_000 or found["memory_growth"] <= 0.05)
            ),
        ),
    }


def torture(
    root: Path, every: Mapping[str, Part], chosen: list[str], *, say: Callable[[str], None] = print
) -> list[str]:
    """Do these parts, write their records under `root`, say each result, and return the names of what failed."""

    def measure(part: Part, /, **factors: Any) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return part.measure(Path(folder), **factors)

    failed = []
    for name in chosen:
        cells = run_cells(
            EXPERIMENT, every[name].cells, partial(measure, every[name]), root=root, command=COMMAND, say=say
        )
        for cell in cells:
            passed = every[name].passed(cell.result)
            say(f"{'passed' if passed else 'FAILED'}  {cell.name}: {_in_a_line(cell)}")
            failed += [] if passed else [cell.name]
    return failed


def main() -> int:
    names = list(parts())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=names, action="append", help="only this part; may be given several times")
    parser.add_argument("--size", choices=("small", "moderate", "full"), default="full", help="how many trials (full)")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "records", help="where the records go")
    options = parser.parse_args()
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    failed = torture(options.out, parts(options.size), options.part or names)
    print(f"{len(failed)} failed: {', '.join(failed)}" if failed else "everything came out as it must")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
