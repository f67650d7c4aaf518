"""What clients can do to the service (H01 to H12), in a small form each, and services without the guard, told."""

from __future__ import annotations

import http.client
import json
import shutil
import time

import pytest

import companion
from companion.cli.output import plain
from companion.cli.serve import describe
from companion.deployment.service import app as app_module
from companion.deployment.service import guard as guard_module
from companion.deployment.service import page as page_module
from companion.deployment.service.app import serve_app
from companion.deployment.service.models import ModelRegistry, ServedModel
from companion.deployment.service.security import Doorkeeper
from companion.deployment.service.server import BoundedProtocol
from companion.deployment.service.settings import ServiceSettings
from companion.errors import ConfigError
from tests.faults import service
from tests.faults.service import TEXT, TOKEN, ask, get, head, raw, running, settings, whole
from tests.faults.service_life import child, end_with_requests_on_their_way

LIMIT = 20_000
SOON = 0.25
"""Seconds in which a request of these tests must have arrived."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    return {name: service.make_folder(root, name, seed=seed) for name, seed in (("default", 3), ("second", 4))}


@pytest.fixture(scope="module")
def registry(folders):
    return ModelRegistry(folders)


@pytest.fixture(scope="module")
def predictor(folders):
    return companion.load(folders["default"])


@pytest.fixture(scope="module")
def port(registry):
    with running(serve_app(registry, settings(max_body=LIMIT, receive_seconds=SOON))) as port:
        yield port


@pytest.fixture(scope="module")
def locked(registry):
    with running(serve_app(registry, settings(token=TOKEN))) as port:
        yield port


def test_bodies_without_bound_are_refused(port):  # H01
    assert service.attack_bodies(port, LIMIT) == service.BODIES
    assert ask(port, {"text": TEXT})[0] == 200


def test_a_service_that_reads_every_body_is_told(registry, monkeypatch):
    async def everything(receive, settings):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        return body

    monkeypatch.setattr(guard_module, "read_body", everything)
    monkeypatch.setattr(guard_module, "check_head", lambda headers, settings: None)
    with running(serve_app(registry, settings(max_body=LIMIT))) as open_port:
        assert raw(open_port, whole(b'{"text": "' + b"x" * LIMIT + b'"}'))[0] == 200
        assert raw(open_port, whole(b'{"text": "x"}', content_encoding="gzip"))[0] == 200


def test_who_says_nothing_is_shown_out(port):  # H02
    assert service.attack_slowly(port, SOON) == []
    assert ask(port, {"text": TEXT})[0] == 200


def test_a_service_that_waits_is_told(registry, monkeypatch):
    monkeypatch.setattr(BoundedProtocol, "_expect_head", lambda protocol: None)
    with running(serve_app(registry, settings(receive_seconds=SOON))) as open_port:
        assert service.attack_slowly(open_port, SOON, sockets=1) == ["slow", "idle 0"]


def test_nobody_gets_the_answer_of_another(port, predictor):  # H03
    assert service.attack_together(port, predictor) == []


def test_answers_mixed_up_are_told(registry, predictor, monkeypatch):
    answer = ServedModel.answer
    monkeypatch.setattr(ServedModel, "answer", lambda model, texts: answer(model, texts)[::-1])
    monkeypatch.setattr(app_module, "Batcher", lambda **given: Batcher(**{**given, "max_wait": 0.05}))
    with running(serve_app(registry, settings())) as mixed:
        assert service.attack_together(mixed, predictor) != []


Batcher = app_module.Batcher


def test_a_full_queue_says_so(registry, monkeypatch):  # H03
    # No worker: what is taken in waits.
    monkeypatch.setattr(app_module, "Batcher", lambda **given: Batcher(**{**given, "workers": 0}))
    with running(serve_app(registry, settings(max_queue=2, max_texts=2, deadline=0.3))) as full:
        status, received = raw(full, whole(b'{"texts": ["Angela", "Merkel"]}'))
        assert (status, b"too_late" in received) == (504, True)
        assert ask(full, {"texts": ["a"] * 3})[0] == 413
        app = serve_app(registry, settings(max_queue=2, max_texts=2, deadline=0.3))
        app.state.batcher.submit(registry.get(), [(1, None)], float("inf"))
        with running(app) as fuller:
            status, received = raw(fuller, whole(b'{"texts": ["Angela", "Merkel"]}'))
            assert (status, b"retry-after: 1" in received.lower()) == (503, True)
            app.state.batcher.max_queue = 3
            assert ask(fuller, {"texts": ["Angela", "Merkel"]})[0] == 504
            app.state.batcher.close(timeout=0)
            app.state.batcher._waiting.clear()


def test_only_the_token_opens(locked):  # H04
    expected = dict.fromkeys(("none", "wrong", "a beginning", "huge", "another scheme", "two headers"), 401)
    assert service.attack_token(locked) == {**expected, "right": 200}
    assert get(locked, "/health/ready")[0] == get(locked, "/health/live")[0] == 200
    assert get(locked, "/metrics")[0] == get(locked, "/docs")[0] == 401


def test_who_sends_no_token_and_who_sends_a_wrong_one_are_told_so(locked):
    """By RFC 6750: only the second is told of an error, and no wrong token is told more than another."""
    told = {}
    for given in ("", "Basic abcd", "Bearer", "Bearer wrong", f"bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x"):
        connection = http.client.HTTPConnection("127.0.0.1", locked, timeout=30)
        connection.request("GET", "/v1/models", headers={"authorization": given} if given else {})
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]
        told[given] = (answer.status, answer.headers["www-authenticate"], error["code"], error["message"])
        connection.close()
    none, refused = told[""], told["Bearer wrong"]
    assert none[:3] == (401, 'Bearer realm="companion"', "no_token")
    assert refused[:3] == (401, 'Bearer realm="companion", error="invalid_token"', "invalid_token")
    assert "not accepted" in refused[3]
    assert list(told.values()) == [none] * 3 + [refused] * 3


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []

    def watched(one, other):
        compared.append((len(one), len(other)))
        return one == other

    door = Doorkeeper(ServiceSettings(token=TOKEN), compare=watched)
    tokens = ["", "x", TOKEN[:-1], TOKEN, TOKEN + "x", "x" * 10_000]
    assert [door.knows([b"Bearer " + token.encode()]) for token in tokens] == [False] * 3 + [True] + [False] * 2
    # Digests of one length whatever was sent, also where nothing was; no shorter way out.
    assert not door.knows([])
    assert compared == [(32, 32)] * 7


def test_no_address_for_others_without_a_token():
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(ConfigError, match="no token"):
            ServiceSettings(host=host)
        assert ServiceSettings(host=host, token=TOKEN).host == host
    assert [ServiceSettings(host=host).host for host in ("127.0.0.1", "::1", "localhost")]
    with pytest.raises(ConfigError, match="too short"):
        ServiceSettings(token="short")


def test_a_door_that_compares_beginnings_is_told(registry, monkeypatch):
    monkeypatch.setattr(Doorkeeper, "knows", lambda door, given: given[:1] != [] and TOKEN.encode() in given[0] + b"s")
    with running(serve_app(registry, settings(token=TOKEN))) as open_port:
        found = service.attack_token(open_port)
    assert (found["a beginning"], found["another scheme"]) == (200, 200)


def test_only_names_of_models_are_paths(port):  # H05
    assert set(service.attack_paths(port).values()) == {404}
    assert ask(port, {"text": TEXT}, "/v1/models/second/predict")[1]["model"] == "second"
    for name in ("../up", "a/b", "", ".hidden", "a" * 65, "a\x00"):
        with pytest.raises(ConfigError, match="does not fit into a path"):
            ModelRegistry({name: "anywhere"})


def test_a_registry_that_opens_any_path_is_told(registry, monkeypatch):
    get_model = ModelRegistry.get
    monkeypatch.setattr(ModelRegistry, "get", lambda self, name=None: get_model(self, name) or get_model(self))
    with running(serve_app(registry, settings())) as open_port:
        assert 200 in service.attack_paths(open_port).values()


def test_what_is_no_request_is_named(port):  # H06
    found = service.attack_malformed(port)
    assert {name: status for name, (status, _) in found.items() if status not in (400, 413)} == {}
    assert found["deep"][0] == 413
    assert all(field for status, field in found.values() if status == 400)
    assert len(found) >= 14
    assert ask(port, {"texts": ["a"] * 65})[0] == 413
    assert ask(port, {"texts": []})[1]["results"] == []
    assert ask(port, {"text": ""})[1]["results"] == [{"entities": []}]


def test_a_service_that_falls_over_is_told(registry, monkeypatch):
    monkeypatch.setattr(app_module, "_checked", lambda asked, *more: [asked.text] if asked.text else asked.texts[0])
    with running(serve_app(registry, settings())) as open_port:
        found = service.attack_malformed(open_port)
    assert 500 in {status for status, _ in found.values()}


def test_other_sites_and_names_are_refused(port):  # H07
    assert service.attack_hosts(port) == service.HOSTS
    assert raw(port, head("/health/live", "GET", x="y" * 20_000))[0] == 431
    many = head("/health/live", "GET", **{f"x{number}": "y" for number in range(80)})
    assert raw(port, many)[0] == 431


def test_a_service_that_answers_any_name_is_told(registry, monkeypatch):
    monkeypatch.setattr(Doorkeeper, "refuse", lambda door, path, headers: None)
    with running(serve_app(registry, settings())) as open_port:
        found = service.attack_hosts(open_port)
    assert (found["foreign host"], found["foreign page"]) == (200, 200)


def leaks(port, count=1):
    with service.everything_logged() as lines:
        used, replies = service.attack_with_canaries(port, count=count)
        numbers = get(port, "/metrics")[1]
    places = {"replies": replies, "log": lines, "metrics": [numbers]}
    assert used == 12 * count
    assert len(lines) >= 8 * count, "the service writes a line for each request that it could read"
    return sorted(name for name, texts in places.items() if any("canary" in text.lower() for text in texts))


def test_no_word_of_a_client_is_written_down(port):  # H08
    assert leaks(port) == []


def test_nor_where_the_model_fails(registry, monkeypatch):
    def fail(model, prepared):
        raise ValueError(f"cannot read {prepared[0].text}")

    monkeypatch.setattr(ServedModel, "answer", fail)
    with running(serve_app(registry, settings())) as failing, service.everything_logged() as lines:
        status, answer = ask(failing, {"text": "canary of a text"})
        # The line is written behind the answer, by a thread that may be slower than this one.
        for _ in range(500):
            if lines:
                break
            time.sleep(0.01)
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "ValueError@test_service.py" in "".join(lines)
    assert "canary" not in json.dumps(answer) + "".join(lines)


def test_a_service_that_quotes_is_told(registry, monkeypatch):
    monkeypatch.setattr(guard_module, "known_method", str)
    monkeypatch.setattr(guard_module, "log_line", lambda fields: str(fields))
    monkeypatch.setattr(page_module, "escape", str)
    monkeypatch.setattr(app_module, "_no_model", lambda: app_module.Refused(404, "no_model", "no model canary"))
    with running(serve_app(registry, settings())) as open_port:
        assert leaks(open_port) == ["log", "replies"]


SCRIPTS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</code></pre><svg onload=alert(1)>")


def shown(port):
    status, text = get(port, "/docs")
    assert status == 200
    return [script for script in SCRIPTS if script in text]


def test_labels_are_no_markup(folders, registry, monkeypatch):  # H09
    labels = ["O", *(f"B-{script}" for script in SCRIPTS)]
    described = {**registry.get().describe(), "labels": labels}
    monkeypatch.setattr(ServedModel, "describe", lambda model: described)
    with running(serve_app(registry, settings())) as marked:
        assert shown(marked) == []
        headers = raw(marked, head("/docs", "GET"))[1].partition(b"\r\n\r\n")[0].lower()
        assert b"default-src 'none'" in headers
        assert b"<script" not in get(marked, "/docs")[1].encode()
        monkeypatch.setattr(page_module, "escape", str)
        assert shown(marked) == list(SCRIPTS)


def test_a_model_cannot_drive_the_terminal(registry, monkeypatch):  # H10
    described = {**registry.get().describe(), "name": "a\x1b[2J\x07b"}
    monkeypatch.setattr(ServedModel, "describe", lambda model: described)
    lines = describe(ServiceSettings(), 8700, registry)
    assert "\x1b" in lines[0]
    assert not any(code in plain(line) for line in lines for code in "\x1b\x07")
    assert "\x1b" not in guard_module.log_line({"model": "a\x1b[2J"})


def test_a_model_is_replaced_under_requests(folders, registry, predictor, tmp_path):  # H11
    place = tmp_path / "model"
    shutil.copytree(folders["default"], place)
    app = serve_app({"default": place}, settings(token=TOKEN))
    key = {"authorization": f"Bearer {TOKEN}"}
    other = companion.load(folders["second"])
    with running(app) as swapped:
        before = ask(swapped, {"text": TEXT}, **key)[1]
        assert before["results"][0]["entities"] == service.expected(predictor, TEXT)
        # Written over in place and cut short, as a copy that is interrupted does: the open model has its own memory.
        (place / "model.safetensors").write_bytes(b"\0" * 100)
        assert ask(swapped, {"text": TEXT}, **key)[1] == before
        assert ask(swapped, {}, "/v1/models/default/reload", **key)[0] == 409
        assert ask(swapped, {"text": TEXT}, **key)[1] == before
        shutil.rmtree(place)
        shutil.copytree(folders["second"], place)
        held = app.state.registry.get()
        assert ask(swapped, {}, "/v1/models/default/reload", **key)[0] == 200
        after = ask(swapped, {"text": TEXT}, **key)[1]
        assert after["version"] != before["version"]
        assert after["results"][0]["entities"] == service.expected(other, TEXT)
        # Who got the former model before the swap is answered by it.
        prepared = held.prepare(TEXT)
        future = app.state.batcher.submit(held, [(prepared.key, prepared)], float("inf"))
        assert future.result(service.PATIENCE) == before["results"]
    with running(serve_app(registry, settings())) as unlocked:
        assert ask(unlocked, {}, "/v1/models/default/reload")[0] == 403


def test_who_may_ask_may_not_replace_where_there_is_a_token_for_it(folders):  # H04
    admin = "another-token-of-enough-characters"
    with running(serve_app({"default": folders["default"]}, settings(token=TOKEN, admin_token=admin))) as guarded:
        asker, replacer, stranger = ({"authorization": f"Bearer {one}"} for one in (TOKEN, admin, admin + "x"))
        place = "/v1/models/default/reload"
        status, refused = ask(guarded, {}, place, **asker)[:2]
        assert status == 403 and refused["error"]["code"] == "not_allowed"
        assert ask(guarded, {}, place, **stranger)[0] == 401
        assert ask(guarded, {}, place, **replacer)[0] == 200
        # The model is still read by both, and nothing that a refusal says tells one of the tokens.
        assert [ask(guarded, {"text": TEXT}, **key)[0] for key in (asker, replacer, stranger)] == [200, 200, 401]
        assert admin not in str(refused) and TOKEN not in str(refused)


@pytest.mark.parametrize("tokens", [{"admin_token": "x" * 16}, {"token": TOKEN, "admin_token": TOKEN}])
def test_an_admin_token_stands_beside_one_for_asking(tokens):  # H04
    with pytest.raises(ConfigError, match="the admin token needs another token beside it"):
        ServiceSettings(**tokens)
    with pytest.raises(ConfigError, match="the admin token is too short"):
        ServiceSettings(token=TOKEN, admin_token="short")


def test_no_request_is_lost_at_the_end(folders, tmp_path):  # H11
    with child(folders["default"], tmp_path / "port", slowness=0.1, drain_seconds=0.1) as (process, port):
        statuses, code = end_with_requests_on_their_way(process, port)
    assert (statuses, code) == ({"200": 6}, 0)


def test_an_end_that_loses_requests_is_told(folders, tmp_path):
    with child(folders["default"], tmp_path / "port", slowness=0.1, sabotage="no drain") as (process, port):
        statuses, _ = end_with_requests_on_their_way(process, port)
    assert statuses["lost"] == 6


def test_the_end_of_a_long_text_is_read(port, predictor):  # H12
    text = "Wolfsburg left . " * 150 + "Angela Merkel visited New York City ."
    answer = ask(port, {"text": text})[1]["results"][0]["entities"]
    assert answer == service.expected(predictor, text)
    assert answer[-1]["end"] > len(text) - 40
    assert ask(port, {"text": "x" * (LIMIT + 1)})[0] == 413


def test_a_service_that_cuts_is_told(registry, predictor, monkeypatch):
    prepare = ServedModel.prepare
    monkeypatch.setattr(ServedModel, "prepare", lambda model, text, **more: prepare(model, text[:500], **more))
    text = "Wolfsburg left . " * 150
    with running(serve_app(registry, settings())) as cutting:
        assert ask(cutting, {"text": text})[1]["results"][0]["entities"] != service.expected(predictor, text)
