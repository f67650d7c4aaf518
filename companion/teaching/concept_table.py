"""What stands on the map of learning methods: concepts with their three choices, relations, and four drawn diagrams.

A diagram is kept as its boxes and arrows, each box with the concept it stands for; the drawings of the source documents
are data here, to be compared with the map.

Taught in: book/foundations/what-fine-tuning-is
"""

from __future__ import annotations

from dataclasses import dataclass, replace

KIND, STARTS, AFTER, MAKES = "is a kind of", "starts from", "comes after", "makes"
CHANGES, OBJECTIVE, REPEATS, AGAINST = "changes the weights of", "changes the loss of", "repeats", "works against"
RISKS, ADDS, SERVES = "risks", "adds", "serves"
VERBS = (KIND, STARTS, AFTER, MAKES, CHANGES, OBJECTIVE, REPEATS, AGAINST, RISKS, ADDS, SERVES)

# What is in the batch, from nothing to a sequence of batches.
NONE, TEXT, LABELLED = "nothing", "unlabelled text", "labelled examples"
BOTH, SEVERAL, SERIES, ANY = "labelled and unlabelled", "several labelled tasks", "one task after another", "any"
BATCHES = (TEXT, NONE, LABELLED, BOTH, SEVERAL, SERIES, ANY)
TRAINABLES = ("nothing", "few", "everything", "any")


@dataclass(frozen=True, kw_only=True, slots=True)
class Concept:
    """One concept of the map.

    Taught in: book/foundations/what-fine-tuning-is
    """

    name: str
    """The English term."""
    chinese: str
    """The Chinese term of the sources, or the usual one."""
    definition: str
    """One sentence."""
    batch: str = ""
    """The first choice, one of `BATCHES`; "" for what is no method."""
    minimised: str = ""
    """The second choice, in words; "nothing" where nothing is trained."""
    trainable: str = ""
    """The third choice: "nothing", "few", "everything" or "any"; "" for what is no method."""
    chapter: str = ""
    """The chapter that teaches it, as "foundations/cross-entropy"; "" while there is none."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One typed edge of the map: `start`, `verb`, `end` read as a sentence.

    Taught in: book/foundations/what-fine-tuning-is
    """

    start: str
    """The concept that the sentence is about."""
    verb: str
    """One of the verbs of the map, such as "is a kind of"."""
    end: str
    """The other concept."""

    def __str__(self) -> str:
        return f"{self.start} {self.verb} {self.end}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagram:
    """Boxes and unnamed arrows, as somebody drew them.

    Taught in: book/foundations/what-fine-tuning-is
    """

    name: str
    """What it shows: "learning paradigms"."""
    id: str = ""
    """Its number in the list of what the sources draw: "D01"."""
    document: int | None = None
    """In which of the five source documents it stands, counted from 1."""
    boxes: dict[str, tuple[str, str]]
    """The text of each box, by its letter, and the concept of the map that it stands for."""
    arrows: tuple[str, ...]
    """Pairs of letters: "AB" is an arrow from box A to box B."""


CE, MASKED, NEXT = (
    "cross-entropy with the label",
    "cross-entropy with the hidden pieces",
    "cross-entropy with the next piece",
)
BERT, TAGGER = "foundations/a-bert-from-scratch", "walkthroughs/train-a-tagger"


_Row = tuple[str, str, str, str]


def _ideas(*rows: _Row) -> tuple[Concept, ...]:
    """Rows of name, Chinese term, definition and chapter."""
    return tuple(Concept(name=a, chinese=b, definition=text, chapter=chapter) for a, b, text, chapter in rows)


def _methods(batch: str, minimised: str, trainable: str, *rows: _Row) -> tuple[Concept, ...]:
    """The same, for methods that share their three choices."""
    return tuple(replace(concept, batch=batch, minimised=minimised, trainable=trainable) for concept in _ideas(*rows))


CONCEPTS: tuple[Concept, ...] = (
    *_ideas(
        ("self-supervised learning", "自监督学习", "Learning from text alone: the text itself is the answer.", BERT),
        ("supervised learning", "有监督学习", "Learning from examples that somebody has labelled.", ""),
        ("transfer learning", "迁移学习", "Using what was learned on one task for another one.", ""),
        ("pre-trained model", "预训练模型", "A network that has read much text and knows no task.", BERT),
        ("tuned model", "微调后的模型", "A pre-trained model after fine-tuning, with its task head.", ""),
        ("task head", "任务适配层", "The small new layer on top that gives the answers of a task.", TAGGER),
        ("downstream task", "下游任务", "The task that you wanted a model for.", ""),
        ("catastrophic forgetting", "灾难性遗忘", "Losing an old skill by training a new one.", ""),
    ),
    *_methods(
        TEXT, "how badly hidden text is guessed", "everything",
        ("pre-training", "预训练", "Training a network on much unlabelled text, before any task.", BERT),
    ),
    *_methods(
        TEXT, MASKED, "everything",
        ("masked language modelling", "掩码语言模型", "Guessing hidden pieces of a text from both sides: BERT.", BERT),
        ("domain adaptation", "领域自适应", "Going on with pre-training on text of your own field.", ""),
    ),
    *_methods(
        TEXT, NEXT, "everything",
        ("causal language modelling", "自回归语言模型", "Guessing each piece from those before it: GPT.", BERT),
    ),
    *_methods(
        NONE, "nothing", "nothing",
        ("prompting", "提示学习", "Writing the task into the input and reading the answer off the output.", ""),
        ("zero-shot prompting", "零样本学习", "A prompt that describes the task and shows no example.", ""),
        ("few-shot prompting", "少样本提示", "A prompt that also shows some solved examples.", ""),
    ),
    *_methods(
        LABELLED, CE, "any",
        ("fine-tuning", "有监督微调", "Training a pre-trained model further, on labelled examples of a task.", TAGGER),
        ("few-shot fine-tuning", "少样本微调", "Fine-tuning on very few labels.", ""),
    ),
    *_methods(
        LABELLED, CE, "few",
        ("feature extraction", "特征提取", "Leaving the body as it is and training only a head on its output.", TAGGER),
        ("parameter-efficient tuning", "参数高效微调", "Changing what the body computes by few numbers (PEFT).", ""),
        ("adapter tuning", "适配器微调", "Training small layers that are set between frozen ones.", ""),
        ("LoRA", "低秩适应", "Training a low-rank update beside each frozen matrix.", ""),
        ("BitFit", "偏置微调", "Training the biases only.", ""),
        ("prompt tuning", "提示微调", "Training vectors that stand before the input. Not prompting: it trains.", ""),
    ),
    *_methods(
        LABELLED, CE, "everything",
        ("full fine-tuning", "全参数微调", "Fine-tuning that changes every number of the model.", TAGGER),
    ),
    *_methods(
        BOTH, "cross-entropy with the label + λ · with the hidden pieces", "any",
        ("hybrid fine-tuning", "混合微调", "Fine-tuning that goes on reading unlabelled text meanwhile.", ""),
    ),
    *_methods(
        SEVERAL, "a weighted sum of the tasks' losses", "any",
        ("multi-task learning", "多任务学习", "One body for several tasks, trained on all of them together.", ""),
    ),
    *_methods(
        SERIES, "the loss of the task whose turn it is", "any",
        ("continual learning", "持续学习", "Learning tasks one after another without losing the earlier ones.", ""),
        ("incremental learning", "增量学习", "Continual learning in which data or classes arrive in portions.", ""),
    ),
    *_methods(
        ANY, "the loss, and the loss beside each example", "any",
        ("adversarial training", "对抗训练", "Asking for the right answer even where the input is disturbed.", ""),
    ),
    *_methods(
        ANY, "the loss + a penalty", "any",
        ("regularisation", "正则化", "A penalty on weights or answers that go too far.", ""),
    ),
)  # fmt: skip

RELATIONS: tuple[Relation, ...] = tuple(
    Relation(start, verb, end)
    for verb, pairs in {
        KIND: (
            ("pre-training", "self-supervised learning"),
            ("masked language modelling", "pre-training"),
            ("causal language modelling", "pre-training"),
            ("domain adaptation", "pre-training"),
            ("prompting", "transfer learning"),
            ("zero-shot prompting", "prompting"),
            ("few-shot prompting", "prompting"),
            ("fine-tuning", "transfer learning"),
            ("fine-tuning", "supervised learning"),
            ("few-shot fine-tuning", "fine-tuning"),
            ("feature extraction", "fine-tuning"),
            ("parameter-efficient tuning", "fine-tuning"),
            ("adapter tuning", "parameter-efficient tuning"),
            ("LoRA", "parameter-efficient tuning"),
            ("BitFit", "parameter-efficient tuning"),
            ("prompt tuning", "parameter-efficient tuning"),
            ("full fine-tuning", "fine-tuning"),
            ("hybrid fine-tuning", "fine-tuning"),
            ("multi-task learning", "supervised learning"),
            ("incremental learning", "continual learning"),
        ),
        STARTS: (
            ("prompting", "pre-trained model"),
            ("fine-tuning", "pre-trained model"),
            ("domain adaptation", "pre-trained model"),
        ),
        AFTER: (("fine-tuning", "pre-training"),),
        MAKES: (
            ("pre-training", "pre-trained model"),
            ("fine-tuning", "tuned model"),
            ("continual learning", "tuned model"),
        ),
        CHANGES: (("fine-tuning", "pre-trained model"), ("continual learning", "pre-trained model")),
        OBJECTIVE: (("adversarial training", "fine-tuning"), ("regularisation", "fine-tuning")),
        REPEATS: (("continual learning", "fine-tuning"),),
        AGAINST: (("continual learning", "catastrophic forgetting"),),
        RISKS: (("fine-tuning", "catastrophic forgetting"),),
        ADDS: (("fine-tuning", "task head"),),
        SERVES: (("fine-tuning", "downstream task"), ("prompting", "downstream task")),
    }.items()
    for start, end in pairs
)


def _diagram(name: str, id: str, document: int, boxes: str, arrows: str) -> Diagram:
    rows = (row.split("=") for row in boxes.split("; "))
    return Diagram(
        name=name,
        id=id,
        document=document,
        boxes={letter: (text, concept) for letter, text, concept in rows},
        arrows=tuple(arrows.split()),
    )


DIAGRAMS: tuple[Diagram, ...] = (
    _diagram(
        "learning paradigms",
        "D01",
        1,
        "A=大规模语言模型=pre-trained model; B=预训练=pre-training; C=有监督微调=fine-tuning; D=提示学习=prompting; "
        "E=自监督学习=self-supervised learning; F=下游任务适配=downstream task; "
        "G=参数高效微调=parameter-efficient tuning; "
        "H=零样本学习=zero-shot prompting; I=少样本学习=few-shot prompting; J=全参数微调=full fine-tuning; "
        "K=参数高效微调=parameter-efficient tuning; L=持续学习=continual learning; M=模型更新=tuned model",
        "AB AC AD BE CF CG DH DI FJ FK HJ IJ JL LM MA",
    ),
    _diagram(
        "large-model ecosystem",
        "D04",
        2,
        "A=大模型=pre-trained model; B=预训练=pre-training; C=微调=fine-tuning; D=全参数微调=full fine-tuning; "
        "E=参数高效微调=parameter-efficient tuning; F=提示学习=prompting; G=少样本学习=few-shot prompting; "
        "H=零样本学习=zero-shot prompting; I=迁移学习=transfer learning; J=持续学习=continual learning; "
        "K=避免灾难性遗忘=catastrophic forgetting; L=增量学习=incremental learning",
        "AB BC CD CE AF FG FH AI IC IF AJ JK JL",
    ),
    _diagram(
        "links between concepts",
        "D05",
        3,
        "A=大语言模型=pre-trained model; B=预训练=pre-training; C=微调=fine-tuning; "
        "D=参数高效微调=parameter-efficient tuning; E=对抗训练=adversarial training; F=正则化=regularisation",
        "AB AC CD AE EC AF FC",
    ),
    _diagram(
        "hybrid concept map",
        "D11",
        5,
        "A=大语言模型=pre-trained model; B=预训练=pre-training; C=微调=fine-tuning; "
        "D=自监督学习=self-supervised learning; E=Fine-Tuning=fine-tuning; "
        "F=参数高效微调=parameter-efficient tuning; G=Mixed Fine-Tuning=hybrid fine-tuning; "
        "H=Multitask Learning=multi-task learning",
        "AB AC BD CE EF EG EH",
    ),
)
