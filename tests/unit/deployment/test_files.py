"""The container and Kubernetes files: they name what the service really has, and their linters find nothing.

The linters are optional (`pip install` of the extra `containers` brings them); where one is missing, its test says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from companion.deployment.service.security import OPEN
from companion.deployment.service.settings import ServiceSettings

FILES = Path(str(files("companion.deployment").joinpath("files")))
DOCKERFILE, COMPOSE, KUBERNETES = (FILES / name for name in ("Dockerfile", "compose.yaml", "kubernetes.yaml"))
SETTINGS = ServiceSettings()
LINES = "{extends: default, rules: {line-length: {max: 120}}}"


def resources() -> dict[str, dict]:
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text("utf-8"))}


def linter(name: str) -> str:
    """The program of a linter beside this Python or on the path; skips where it is missing."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: install the extra 'containers'")
    return found


def complaints(*command: object) -> str:
    """What a linter says where it fails, nothing where it passes."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr or "it failed"


def test_ports_probes_and_user_are_those_of_the_service():
    dockerfile, found = DOCKERFILE.read_text("utf-8"), resources()
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == SETTINGS.port
    assert f"EXPOSE {SETTINGS.port}\n" in dockerfile
    probes = {container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == set(OPEN), "what a probe asks needs no token"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert f"127.0.0.1:{SETTINGS.port}{OPEN[1]}" in dockerfile
    user = found["Deployment"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert f"USER {user}\n" in dockerfile
    assert "0.0.0.0" in dockerfile and "--token-file" in dockerfile, "who can be reached has a token"


def test_there_is_time_to_drain():
    needed = SETTINGS.drain_seconds + SETTINGS.grace_seconds
    pod = resources()["Deployment"]["spec"]["template"]["spec"]
    service = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]["companion"]
    assert pod["terminationGracePeriodSeconds"] > needed
    assert int(service["stop_grace_period"].removesuffix("s")) > needed


def test_what_belongs_together_has_one_name():
    found = resources()
    assert set(found) == {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    scaler = found["HorizontalPodAutoscaler"]["spec"]
    assert scaler["minReplicas"] == found["Deployment"]["spec"]["replicas"] >= 2
    assert scaler["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]


def test_the_image_copies_what_the_build_needs():
    root = Path(__file__).resolve().parents[3]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text("utf-8"), flags=re.M)
    names = " ".join(copied).split()
    assert [name for name in names if not (root / name).exists()] == []
    assert {"pyproject.toml", "companion", "data", "constraints.txt"} <= set(names)


def test_yamllint_finds_nothing(tmp_path):
    program = linter("yamllint")
    assert complaints(program, "--strict", "-d", LINES, COMPOSE, KUBERNETES) == ""
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    assert "duplication" in complaints(program, "--strict", "-d", LINES, tmp_path / "bad.yaml")


def test_hadolint_finds_nothing(tmp_path):
    program = linter("hadolint")
    assert complaints(program, DOCKERFILE) == ""
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /opt\n")
    assert "DL3007" in complaints(program, tmp_path / "Dockerfile")


def test_kubernetes_knows_every_field(tmp_path):
    program = linter("kubernetes-validate")
    assert complaints(program, "--strict", "--quiet", KUBERNETES) == ""
    (tmp_path / "bad.yaml").write_text(KUBERNETES.read_text("utf-8").replace("replicas: 2", "replicaz: 2"))
    assert "replicaz" in complaints(program, "--strict", "--quiet", tmp_path / "bad.yaml")


def test_compose_knows_every_field(tmp_path):
    program = linter("check-jsonschema")
    schema = ("--builtin-schema", "vendor.compose-spec")
    assert complaints(program, *schema, COMPOSE) == ""
    (tmp_path / "compose.yaml").write_text(COMPOSE.read_text("utf-8").replace("read_only:", "readonly:"))
    assert "readonly" in complaints(program, *schema, tmp_path / "compose.yaml")
