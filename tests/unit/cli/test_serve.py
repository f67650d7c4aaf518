"""`companion serve` and `companion export --onnx`: what options say, and what is refused before anything loads."""

from __future__ import annotations

import json
import socket

import pytest

from companion.cli import main
from companion.cli.serve import ADMIN_TOKEN, read_names, read_token
from companion.deployment.service.server import bind
from companion.deployment.service.settings import ServiceSettings, is_loopback
from companion.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    return tmp_path


def test_models_have_names(folder):
    one, two = folder / "one", folder / "two"
    assert read_names(one, [f"b={two}"], [], None) == ({"default": one, "b": two}, {})
    assert read_names(one, [], [f"a={two}"], "body") == ({"default": one, "a": two}, {"default": "body", "a": "body"})
    for named in (["b"], ["b="], [f"default={two}"], [f"b={one}", f"b={two}"]):
        with pytest.raises(ConfigError):
            read_names(one, named, [], None)


def test_a_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("COMPANION_TOKEN", "from-the-environment")
    assert read_token(None) == "from-the-environment"
    (tmp_path / "token").write_text("from-a-file\n")
    assert read_token(tmp_path / "token") == "from-a-file"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "missing")
    monkeypatch.delenv(ADMIN_TOKEN, raising=False)
    assert read_token(None, ADMIN_TOKEN) is None
    monkeypatch.setenv(ADMIN_TOKEN, "for-those-who-replace")
    assert read_token(None, ADMIN_TOKEN) == "for-those-who-replace"
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_token(tmp_path / "missing", ADMIN_TOKEN)
    assert "--admin-token-file" in caught.value.remedy


def test_others_are_not_let_in_by_accident(folder, monkeypatch, capsys):
    monkeypatch.delenv("COMPANION_TOKEN", raising=False)
    assert main(["serve", str(folder / "one"), "--host", "0.0.0.0"]) == 1
    assert "which others can reach, and there is no token" in capsys.readouterr().err
    assert main(["serve", str(folder / "missing")]) == 1
    assert "holds neither a run nor a model" in capsys.readouterr().err
    assert main(["serve", str(folder / "one"), "--port", "70000"]) == 1


def test_an_address_that_is_taken_is_said():
    taken = bind(ServiceSettings(port=0))
    taken.listen()
    with pytest.raises(ConfigError, match="cannot be listened on"):
        bind(ServiceSettings(port=taken.getsockname()[1]))
    taken.close()
    assert taken.family == socket.AF_INET
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "[::1]", "0.0.0.0", "localhost.evil.example")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_body", 0),
        ("workers", 1.5),
        ("deadline", 0),
        ("max_wait", -1),
        ("port", True),
        ("max_queue", 8),
        ("token", "é" * 20),
    ],
)
def test_a_limit_out_of_range_names_the_field(field, value):
    with pytest.raises(ConfigError, match=field.replace("max_queue", "max_texts")):
        ServiceSettings(**{field: value})


@pytest.mark.parametrize(("option", "field"), [("--max-f1-drop", "f1_drop"), ("--min-agreement", "agreement")])
def test_a_bound_out_of_range_is_refused_before_anything_is_written(option, field, folder, tmp_path, capsys):
    assert main(["export", str(folder / "one"), str(tmp_path / "out"), "--onnx", option, "2", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["message"].startswith(f"{field} is 2")
    assert not (tmp_path / "out").exists()
