"""`companion serve`, torch and int8, beside a transformers pipeline behind the same HTTP; prints ratios of one run.

    python -m tests.benchmarks.serving [--run RUN] [--rounds 3] [--record]

The tagger is trained on Newsroom (seed 0, the default recipe), or taken from `--run`, and exported twice: as it is, and
as an int8 ONNX graph that has passed the parity gate on dev. Three services run side by side, each in a process of its
own, with two threads to compute in: ours on either folder, and a FastAPI application around
`transformers.pipeline`, as tutorials write it. In every round each is asked in turn by 1, 8 and 64 clients that wait
for their answers; ratios are of one round, and the middle one of the rounds is reported with the lowest and highest.
The clients run on the same machine, and take their share of it from all three. Where other programs compute as well, a
service with more threads gets more of the processor, and the pipeline's has up to forty: so the processor time that
each service spends on a request is reported beside its throughput; on a machine of its own the two say the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

import companion
from companion.deployment.compression import export_onnx

PIPELINE = """
import sys
import uvicorn
from fastapi import Body, FastAPI
from transformers import pipeline

tagger = pipeline("token-classification", sys.argv[1], aggregation_strategy="first", device="cpu")
app = FastAPI()

@app.get("/health/ready")
def ready():
    return {}

@app.post("/predict")
def predict(text: str = Body(embed=True)):
    return [{**entity, "score": float(entity["score"])} for entity in tagger(text)]

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""
CLIENTS = (1, 8, 64)
REQUESTS = {1: 30, 8: 96, 64: 192}
"""In one round and for one service."""
SERVICES = ("pipeline", "torch", "int8")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(name: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A service in a process of its own, ready to be asked."""
    port = free_port()
    words = [sys.executable, "-c", PIPELINE, str(folder), str(port)]
    if name != "pipeline":
        words = [sys.executable, "-m", "companion", "serve", str(folder), "--port", str(port)]
        words += ["--workers", "2", "--deadline", "600"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"the {name} service ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                if connection.recv(100).startswith(b"HTTP/1.1 200"):
                    return process, port
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the {name} service does not answer")


async def ask(port: int, bodies: list[bytes], clients: int) -> tuple[float, list[float]]:
    """Seconds for all requests, and those of each, with so many clients that each keep one connection."""
    waiting, times = iter(bodies), []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            began = time.perf_counter()
            writer.write(body)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            if b" 200 " not in lines[0]:
                raise SystemExit(f"a request got {lines[0].decode()}")
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - began, times


def processor_seconds(pid: int) -> float:
    """What a process has spent of the processors' time, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests(texts: list[str], count: int) -> list[bytes]:
    """Whole requests for these texts, again and again."""
    bodies = (json.dumps({"text": text}).encode() for text in islice(cycle(texts), count))
    start_line = (
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    return [start_line % len(body) + body for body in bodies]


def measure_services(folders: dict[str, Path], texts: list[str], rounds: int) -> dict[str, Any]:
    """Requests per second and latencies of each service by number of clients, round by round in turns."""
    services = {name: start(name, folders[name]) for name in SERVICES}
    kinds = ("rates", "times", "cpu")
    found: dict[str, Any] = {name: {clients: {kind: [] for kind in kinds} for clients in CLIENTS} for name in SERVICES}
    try:
        for _, port in services.values():
            # Shapes are tried the first time that they occur, and buffers grow.
            asyncio.run(ask(port, requests(texts, 2 * len(texts)), 64))
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, (process, port) in services.items():
                    before, count = processor_seconds(process.pid), REQUESTS[clients]
                    seconds, times = asyncio.run(ask(port, requests(texts, count), clients))
                    found[name][clients]["rates"].append(count / seconds)
                    found[name][clients]["times"] += times
                    found[name][clients]["cpu"].append((processor_seconds(process.pid) - before) / count)
    finally:
        for process, _ in services.values():
            process.terminate()
        for process, _ in services.values():
            process.wait(60)
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Rates, percentiles, and the ratios of each round."""
    services = {
        name: {
            str(clients): {
                "requests_per_second": round(statistics.median(values["rates"]), 1),
                "p50_ms": _milliseconds(values["times"], 50),
                "p99_ms": _milliseconds(values["times"], 99),
                "cpu_ms_per_request": round(1000 * statistics.median(values["cpu"]), 2),
            }
            for clients, values in by_clients.items()
        }
        for name, by_clients in found.items()
    }
    compared = (("int8", "torch"), ("int8", "pipeline"), ("torch", "pipeline"))

    def ratios(kind: str) -> dict[str, Any]:
        return {
            f"{one} over {other}": {str(clients): _ratio(found, kind, one, other, clients) for clients in CLIENTS}
            for one, other in compared
        }

    return {"services": services, "throughput_ratios": ratios("rates"), "processor_ratios": ratios("cpu")}


def _ratio(found: dict[str, Any], kind: str, one: str, other: str, clients: int) -> dict[str, float]:
    """How many times as good the first is as the other: more requests in a second, less processor time for one."""
    pairs = zip(found[one][clients][kind], found[other][clients][kind], strict=True)
    ratios = [mine / theirs if kind == "rates" else theirs / mine for mine, theirs in pairs]
    return {
        "middle": round(statistics.median(ratios), 2),
        "lowest": round(min(ratios), 2),
        "highest": round(max(ratios), 2),
    }


def _milliseconds(times: list[float], share: int) -> float:
    return round(1000 * sorted(times)[min(len(times) - 1, len(times) * share // 100)], 1)


def measure_alone(folders: dict[str, Path], texts: list[str], turns: int) -> dict[str, Any]:
    """One text at a time without HTTP, torch and int8 in turns: processor time, which other programs change least."""
    predictors = {name: companion.load(folders[name]) for name in ("torch", "int8")}
    times: dict[str, list[float]] = {name: [] for name in predictors}
    for text in islice(cycle(texts), turns):
        for name, predictor in predictors.items():
            began = time.process_time()
            predictor.predict(text)
            times[name].append(time.process_time() - began)
    spent = {
        name: {"p50_cpu_ms": _milliseconds(values, 50), "p99_cpu_ms": _milliseconds(values, 99)}
        for name, values in times.items()
    }
    ratio = statistics.median(mine / theirs for mine, theirs in zip(times["torch"], times["int8"], strict=True))
    return {**spent, "torch_over_int8": round(ratio, 2)}


def measure_quality(folders: dict[str, Path], corpus: Any) -> dict[str, Any]:
    """Entity F1 on test with its interval, torch and int8, and their paired difference."""
    reports = {}
    for name in ("torch", "int8"):
        predictor = companion.load(folders[name])
        reports[name] = companion.evaluate(predictor.model, predictor.task, corpus.test)
    difference = companion.compare(reports["torch"], reports["int8"], names=("torch", "int8")).differences[0]
    intervals = {"torch": difference.a, "int8": difference.b, "int8_minus_torch": difference.difference}
    return {name: [round(part, 4) for part in (it.mean, it.low, it.high)] for name, it in intervals.items()}


def measure(run: Path | None, rounds: int) -> dict[str, Any]:
    """All figures."""
    torch.set_num_threads(1)
    given = run is not None
    corpus = companion.load_corpus("newsroom")
    texts = [" ".join(sentence.words) for sentence in corpus.test]
    with tempfile.TemporaryDirectory() as scratch:
        plain, int8 = Path(scratch) / "plain", Path(scratch) / "int8"
        if run is None:
            run = Path(scratch) / "run"
            companion.fine_tune(corpus, out=run, config=companion.TrainConfig(precision="fp32", progress=False))
        predictor = companion.load(run / "model")
        predictor.task.export(predictor.model, plain)
        parity = export_onnx(predictor, int8, corpus.dev)
        folders = {"pipeline": plain, "torch": plain, "int8": int8}
        result: dict[str, Any] = {
            "rounds": rounds,
            "tagger": "given" if given else "trained here",
            "load_before": round(os.getloadavg()[0], 1),
            "bytes": {"torch": (plain / "model.safetensors").stat().st_size, "int8": parity.bytes_after},
            "dev_parity": {"agreement": round(parity.agreement, 4), "f1": [parity.f1_before, parity.f1_after]},
            "test_f1": measure_quality(folders, corpus),
            "alone": measure_alone(folders, texts, 200),
        }
        result |= summary(measure_services(folders, texts, rounds))
        return {**result, "load_after": round(os.getloadavg()[0], 1)}


def show(result: dict[str, Any]) -> None:
    """Print what was measured."""
    sizes = result["bytes"]
    print(f"size       {sizes['torch'] / 1e6:.1f} MB → {sizes['int8'] / 1e6:.1f} MB")
    for name, (value, low, high) in result["test_f1"].items():
        print(f"test F1    {name:17}{value:8.4f} [{low:.4f}, {high:.4f}]")
    print(f"alone      processor time, torch over int8: {result['alone']['torch_over_int8']}")
    for name, by_clients in result["services"].items():
        for clients, row in by_clients.items():
            rate, p50, p99 = row["requests_per_second"], row["p50_ms"], row["p99_ms"]
            print(
                f"{name:10} {clients:>3} clients{rate:9.1f} requests/s   p50 {p50:8.1f} ms   p99 {p99:8.1f} ms"
                f"   processor {row['cpu_ms_per_request']:6.2f} ms"
            )
    for kind in ("throughput", "processor"):
        for name, by_clients in result[f"{kind}_ratios"].items():
            parts = [
                f"{clients}: {row['middle']} ({row['lowest']}–{row['highest']})" for clients, row in by_clients.items()
            ]
            print(f"{kind:11}{name:20} {'   '.join(parts)}")
    print(
        f"load of the machine {result['load_before']} before, {result['load_after']} after: only ratios mean something"
    )


def main() -> None:
    """Measure, print, and with `--record` write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run folder of `companion train --corpus newsroom`")
    parser.add_argument("--rounds", type=int, default=3, help="how often each service is asked in turn (3)")
    parser.add_argument("--record", action="store_true", help="write data/records/serving")
    options = parser.parse_args()

    def result() -> dict[str, Any]:
        found = measure(options.run, options.rounds)
        show(found)
        return found

    if options.record:
        from companion.corpora.location import data_root
        from tests.benchmarks.training_speed import write_cell

        write_cell("serving", result, data_root() / "records")
    else:
        result()


if __name__ == "__main__":
    main()
