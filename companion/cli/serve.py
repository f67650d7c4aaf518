"""`companion serve`: models behind HTTP on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.evaluate import model_folder
from companion.cli.output import say
from companion.errors import ConfigError

if TYPE_CHECKING:
    from companion.deployment.service.settings import ServiceSettings

TOKEN, ADMIN_TOKEN = "COMPANION_TOKEN", "COMPANION_ADMIN_TOKEN"
DEFAULT = "default"


def serve_models(
    folder: Path,
    named: list[str],
    adapters: list[str],
    *,
    base: str | None,
    token_file: Path | None,
    admin_token_file: Path | None,
    **limits: Any,
) -> None:
    """Serve the folder's model at `/predict`, and the named ones at `/v1/models/NAME/predict`, until told to end.

    Raises:
        ConfigError: a name is given twice or not as NAME=FOLDER, or the settings do not fit together.
        ModelError: a folder cannot be opened.
        MissingDependencyError: the extra `serve` is not installed.
    """
    from companion.deployment.service.settings import ServiceSettings

    tokens = {"token": read_token(token_file), "admin_token": read_token(admin_token_file, ADMIN_TOKEN)}
    settings = ServiceSettings(**tokens, **limits)
    folders, bases = read_names(folder, named, adapters, base)
    # Before the seconds that opening takes: an address that is taken is said at once.
    from companion.deployment.service.server import bind, run_service

    listener = bind(settings)
    try:
        from companion.deployment.service.app import serve_app
        from companion.deployment.service.models import ModelRegistry

        app = serve_app(ModelRegistry(folders, bases=bases), settings)
        for line in describe(settings, listener.getsockname()[1], app.state.registry):
            say(line)
        run_service(app, listener)
    finally:
        listener.close()


def read_token(file: Path | None, variable: str = TOKEN) -> str | None:
    """The token of a file or of the environment; a command line is no place for it, since every process can read it.

    Raises:
        ConfigError: the file cannot be read.
    """
    if file is None:
        return os.environ.get(variable) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        option = "--token-file" if variable == TOKEN else "--admin-token-file"
        raise ConfigError("the token file cannot be read", remedy=f"check {option}") from error


def read_names(
    folder: Path, named: list[str], adapters: list[str], base: str | None
) -> tuple[dict[str, Path], dict[str, str]]:
    """Folders and adapters' bodies by name; the first is the default model.

    Raises:
        ConfigError: a name is given twice, or not as NAME=FOLDER.
    """
    folders, bases = {DEFAULT: model_folder(folder)}, {} if base is None else {DEFAULT: base}
    for option, given in (("--model", named), ("--adapter", adapters)):
        for text in given:
            name, equals, place = text.partition("=")
            if not equals or not place:
                raise ConfigError(f"{option} is {text!r}", remedy=f"write {option} NAME=FOLDER")
            if name in folders:
                raise ConfigError(f"two models are called {name!r}", remedy="give each a name of its own")
            folders[name] = model_folder(Path(place))
            if option == "--adapter" and base is not None:
                bases[name] = base
    return folders, bases


def describe(settings: ServiceSettings, port: int, registry: Any) -> list[str]:
    """What a person is told when the service begins."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    lines = [
        f"{model['name']}: {model['task']}, {model['format']}" for model in map(_described(registry), registry.names)
    ]
    guarded = "with a token" if settings.token else "without a token, for this machine alone"
    return [*lines, f"listening on {address} {guarded}; {address}/docs explains the service; Ctrl-C ends it"]


def _described(registry: Any) -> Any:
    return lambda name: registry.get(name).describe()
