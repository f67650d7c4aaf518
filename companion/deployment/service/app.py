"""The service as an ASGI application: paths, schemas, and what becomes of a request that is let in."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from companion.corpora.texts import JOINT
from companion.deployment.service.batching import Batcher, Closing, Expired, QueueFull
from companion.deployment.service.guard import FACTS, Guard, error_content
from companion.deployment.service.limits import Refused
from companion.deployment.service.metrics import Metrics
from companion.deployment.service.models import ModelRegistry, Prepared, ServedModel, TextTooLong
from companion.deployment.service.page import api_page
from companion.deployment.service.security import Doorkeeper
from companion.deployment.service.settings import ServiceSettings
from companion.errors import CompanionError, MissingDependencyError

try:
    from fastapi import Body, FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.openapi.utils import get_openapi
    from fastapi.responses import HTMLResponse, JSONResponse, Response
    from starlette.exceptions import HTTPException

    from companion.deployment.service.schemas import Answer, ErrorAnswer, ModelList, PredictRequest
except ImportError as error:
    raise MissingDependencyError(
        f"{error.name} is not installed", remedy='install the extra: pip install "finetuning-companion[serve]"'
    ) from error

INLINE = 4_000
"""Characters whose words are split in the event loop; more would keep other requests waiting, and goes to a thread."""
HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
NOT_VALID = {
    "json_invalid": "this is no JSON",
    "extra_forbidden": "there is no such field",
    "model_attributes_type": "this is no JSON object sent with content-type: application/json",
}
"""What is said to a body that does not validate, by pydantic's name of the reason."""
REFUSALS = {
    400: "not understood",
    401: "no token, or one that is not accepted",
    403: "a page of another site, or a token that does not allow this",
    404: "no such model",
    413: "too much",
    503: "full",
    504: "too late",
}
RETRY = 1


def serve_app(models: Mapping[str, str | Path] | ModelRegistry, settings: ServiceSettings | None = None) -> FastAPI:
    """The service for these model folders, by name; the first one answers `/predict`.

    Any ASGI server runs it: `companion serve` uses uvicorn with limits of its own below the application. Its state
    holds `registry`, `batcher`, `metrics` and `settings`.

    Raises:
        ConfigError: there is no model, or a name does not fit into a path.
        ModelError: a folder cannot be opened.
        MissingDependencyError: the extra `serve` is not installed.

    Taught in: book/engineering/serving
    """
    settings = settings or ServiceSettings()
    registry = models if isinstance(models, ModelRegistry) else ModelRegistry(models)
    metrics = Metrics(lambda: float(batcher.waiting))
    batcher = Batcher(
        max_batch=settings.max_batch,
        max_wait=settings.max_wait,
        max_queue=settings.max_queue,
        workers=settings.workers,
        saw_batch=lambda model, size: metrics.batch.labels(model.name).observe(size),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.draining = True
        await asyncio.to_thread(batcher.close, timeout=settings.grace_seconds)

    app = FastAPI(
        title="companion serve",
        description="Entities with character offsets, or a label, for texts of any length.",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.registry, app.state.batcher, app.state.metrics = registry, batcher, metrics
    app.state.settings, app.state.draining, app.state.door = settings, False, Doorkeeper(settings)
    app.add_middleware(Guard, settings=settings, metrics=metrics, door=app.state.door)
    _add_refusals(app)
    _add_predictions(app)
    _add_information(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _add_predictions(app: FastAPI) -> None:
    responses: dict[int | str, Any] = {
        status: {"description": text, "model": ErrorAnswer} for status, text in REFUSALS.items()
    }

    @app.post("/predict", responses=responses, summary="Ask the default model")
    async def predict(request: Request, asked: Annotated[PredictRequest, Body()]) -> Answer:
        """The entities or the label of one text or several."""
        return await _predict(request, None, asked)

    @app.post("/v1/models/{name}/predict", responses=responses, summary="Ask a model by its name")
    async def predict_with(request: Request, name: str, asked: Annotated[PredictRequest, Body()]) -> Answer:
        """The entities or the label of one text or several."""
        return await _predict(request, name, asked)

    @app.post("/v1/models/{name}/reload", responses=responses, summary="Read a model's folder again")
    async def reload(request: Request, name: str) -> JSONResponse:
        """Put what the folder now holds in the model's place; requests that wait are answered by the former model."""
        state = request.app.state
        if (refusal := state.door.refuse_replacing(request.headers.raw)) is not None:
            raise Refused(*refusal)
        if state.registry.get(name) is None:
            raise _no_model()
        try:
            model = await asyncio.to_thread(state.registry.swap, name)
        except CompanionError:
            raise Refused(409, "not_replaced", "the folder cannot be opened; the former model stays") from None
        state.metrics.swaps.labels(name).inc()
        return JSONResponse(model.describe())


def _add_information(app: FastAPI) -> None:
    @app.get("/v1/models", summary="The models")
    async def models(request: Request) -> ModelList:
        """Names, tasks and labels."""
        registry = request.app.state.registry
        return ModelList(models=[registry.get(name).describe() for name in registry.names])

    @app.get("/health/live", summary="Whether the process answers")
    async def live() -> dict[str, str]:
        """Always, as long as it does."""
        return {"status": "live"}

    @app.get("/health/ready", summary="Whether requests are taken", responses={503: {"description": "draining"}})
    async def ready(request: Request) -> JSONResponse:
        """503 from the moment on at which the service is told to end."""
        ends = request.app.state.draining
        return JSONResponse({"status": "draining" if ends else "ready"}, status_code=503 if ends else 200)

    @app.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Counts and times, in Prometheus' text format."""
        return Response(request.app.state.metrics.render(), media_type="text/plain; version=0.0.4")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        registry = request.app.state.registry
        described = [registry.get(name).describe() for name in registry.names]
        return HTMLResponse(api_page(request.app.openapi(), described))


async def _predict(request: Request, name: str | None, asked: PredictRequest) -> Any:
    state, facts = request.app.state, request.scope[FACTS]
    settings, deadline = state.settings, time.monotonic() + state.settings.deadline
    model = state.registry.get(name)
    if model is None:
        raise _no_model()
    texts = _checked(asked, settings, model.pairs)
    sizes = [len(part) for own in texts for part in ([own] if isinstance(own, str) else own)]
    facts |= {"model": model.name, "texts": len(texts), "characters": sum(sizes)}
    if facts["characters"] <= INLINE:
        prepared = _prepare(model, texts, cut_allowed=asked.cut_allowed)
    else:
        prepared = await asyncio.to_thread(_prepare, model, texts, cut_allowed=asked.cut_allowed)
    facts["pieces"] = sum(text.pieces for text in prepared)
    try:
        future = state.batcher.submit(model, [(text.key, text) for text in prepared], deadline)
        answers = await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, deadline - time.monotonic()))
    except QueueFull as full:
        raise Refused(503, "full", "too many texts wait; try again later", retry_after=full.retry_after) from None
    except Closing:
        raise Refused(503, "draining", "the service is about to end", retry_after=RETRY) from None
    except (Expired, TimeoutError):
        raise Refused(504, "too_late", f"not answered within {settings.deadline:g} seconds") from None
    _count(state.metrics, model, facts, answers)
    # As it is, not through the schema: these are our own values, and checking each score twice costs more than HTTP.
    return JSONResponse({"model": model.name, "version": model.version, "results": answers})


def _prepare(model: ServedModel, texts: list[Any], *, cut_allowed: bool) -> list[Prepared]:
    prepared = []
    for number, text in enumerate(texts):
        try:
            prepared.append(model.prepare(text, cut_allowed=cut_allowed))
        except TextTooLong as error:
            raise Refused(413, "text_too_long", error.problem, field=f"texts.{number}") from None
        except CompanionError:
            raise Refused(400, "no_words", "the model finds nothing to read here", field=f"texts.{number}") from None
    return prepared


def _checked(asked: PredictRequest, settings: ServiceSettings, pairs: bool | None) -> list[Any]:
    """The texts, or tuples of two, that a model of this kind can be asked about."""
    if (asked.text is None) == (asked.texts is None):
        raise Refused(400, "bad_request", "send either text or texts", field="text")
    alone = asked.text is not None
    texts = [asked.text] if alone else list(asked.texts or ())
    _check_texts(texts, "text" if alone else "texts", settings)
    seconds, field = (asked.text_pair, "text_pair") if alone else (asked.text_pairs, "text_pairs")
    if (asked.text_pairs if alone else asked.text_pair) is not None:
        raise Refused(400, "bad_request", "send text with text_pair, or texts with text_pairs", field=field)
    if pairs is not None and pairs != (seconds is not None):
        reads = f"pairs of texts: send {field} as well" if pairs else f"one text: leave {field} out"
        raise Refused(400, "bad_request", f"the model reads {reads}", field=field)
    if seconds is None:
        return texts
    seconds = [seconds] if isinstance(seconds, str) else seconds
    if len(seconds) != len(texts):
        raise Refused(400, "bad_request", f"send one second text for each of the {len(texts)} texts", field=field)
    _check_texts(seconds, field, settings)
    return list(zip(texts, seconds, strict=True))


def _check_texts(texts: list[str], field: str, settings: ServiceSettings) -> None:
    if len(texts) > settings.max_texts:
        raise Refused(413, "too_many_texts", f"a request may hold {settings.max_texts} texts", field=field)
    for number, text in enumerate(texts):
        place = f"{field}.{number}" if field.endswith("s") else field
        if len(text) > settings.max_characters:
            limit = settings.max_characters
            raise Refused(413, "text_too_long", f"a text may have {limit} characters", field=place)
        if HALF_A_CHARACTER.search(text):
            raise Refused(400, "half_a_character", "the text holds half of a surrogate pair", field=place)


def _count(metrics: Metrics, model: ServedModel, facts: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    metrics.pieces.labels(model.name).inc(facts["pieces"])
    known = set(model.task.labels)
    for answer in answers:
        if "entities" in answer:
            metrics.saw(model.name, [(entity["type"], entity["score"]) for entity in answer["entities"]])
        else:
            # Several labels are counted one by one, and a regression's number not at all: it would be a new name
            # each time.
            labels = [label for label in answer["label"].split(JOINT) if label in known]
            metrics.saw(model.name, [(label, answer["score"]) for label in labels])


def _add_refusals(app: FastAPI) -> None:
    def answer(request: Request, refusal: Refused) -> JSONResponse:
        headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after else None
        return JSONResponse(error_content(refusal, request.scope[FACTS]["id"]), refusal.status, headers)

    @app.exception_handler(Refused)
    async def refused(request: Request, refusal: Refused) -> JSONResponse:
        return answer(request, refusal)

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        # The place may hold the name of a field that the client made up, the message never holds what it sent.
        known = {"body", *PredictRequest.model_fields}
        place = [str(part) if isinstance(part, int) or part in known else "?" for part in first["loc"]]
        message = NOT_VALID.get(first["type"], f"this is not what the field holds ({first['type']})")
        return answer(request, Refused(400, "bad_request", message, field=".".join(place)))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: ("not_found", "there is no such path"), 405: ("bad_method", "not with this method")}
        code, message = codes.get(error.status_code, ("bad_request", "the request is not understood"))
        field = "body" if error.status_code == 400 else ""
        response = answer(request, Refused(error.status_code, code, message, field=field))
        response.headers.update({name: value for name, value in (error.headers or {}).items() if name == "Allow"})
        return response


def _no_model() -> Refused:
    return Refused(404, "no_model", "there is no such model; GET /v1/models lists those there are", field="name")


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the service; what does not validate is a 400 here, and not FastAPI's 422."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["responses"].pop("422", None)
                if app.state.settings.token is not None:
                    operation["security"] = [{"token": []}]
        for name in ("HTTPValidationError", "ValidationError"):
            schema.get("components", {}).get("schemas", {}).pop(name, None)
        if app.state.settings.token is not None:
            schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = schema
    return app.openapi_schema
