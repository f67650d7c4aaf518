"""What goes in and what comes out, as the OpenAPI page shows it."""

from pydantic import BaseModel, ConfigDict, Field


class PredictRequest(BaseModel):
    """One text, or several; of a model that reads pairs, each with its second text."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "Angela Merkel visited Wolfsburg."}]}
    )

    text: str | None = Field(None, description="One text; give either this or texts.")
    texts: list[str] | None = Field(None, description="Several texts.")
    text_pair: str | None = Field(None, description="The second text, for a model that reads pairs.")
    text_pairs: list[str] | None = Field(None, description="The second text of each of several.")
    cut_allowed: bool = Field(False, description="Let a classifier read the beginning of a text that is too long.")


class Entity(BaseModel):
    """One entity: text[start:end], counted in characters."""

    text: str
    type: str
    start: int
    end: int
    score: float


class Result(BaseModel):
    """A tagger's answer holds entities, a classifier's a label."""

    entities: list[Entity] | None = None
    label: str | None = None
    score: float | None = None
    probabilities: dict[str, float] | None = None
    cut: bool | None = None


class Answer(BaseModel):
    """One result for each text, in order."""

    model: str
    version: str
    results: list[Result]


class ModelDescription(BaseModel):
    """A model that can be asked."""

    name: str
    task: str
    labels: list[str]
    format: str
    version: str
    pairs: bool | None = Field(None, description="Whether it reads pairs of texts; null where its folder does not say.")


class ModelList(BaseModel):
    """The models, the default one first."""

    models: list[ModelDescription]


class ErrorDetail(BaseModel):
    """What is wrong; nothing of what was sent."""

    code: str
    message: str
    field: str | None = None
    request: str


class ErrorAnswer(BaseModel):
    """A refusal."""

    error: ErrorDetail
