"""A service in a thread: it answers inside its block, drains at the end of it, and says where it cannot begin."""

from __future__ import annotations

import socket

import pytest

from companion.deployment.service import serve_app, serve_in_thread
from companion.errors import ConfigError
from tests.faults.service import get, make_folder, settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("served"), "tagger")


def test_it_answers_inside_and_is_gone_outside(folder):
    app = serve_app({"tagger": folder}, settings())
    with serve_in_thread(app) as port:
        assert get(port, "/health/ready")[0] == 200
        assert not app.state.draining
    assert app.state.draining
    assert app.state.batcher.idle
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_it_ends_also_where_the_block_fails(folder):
    app = serve_app({"tagger": folder}, settings())
    with pytest.raises(RuntimeError, match="the block"), serve_in_thread(app):
        raise RuntimeError("the block")
    assert app.state.draining


def test_a_port_that_is_taken_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        app = serve_app({"tagger": folder}, settings(port=taken.getsockname()[1]))
        with pytest.raises(ConfigError, match="cannot be listened on"), serve_in_thread(app):
            pass
