"""What every chapter imports: claims, predictions, parity, shown source, figures, exercises.

Verbs (`claim`, `predict`, `self_test`, `parity`, `show`, `check`) display at once and return nothing; nouns
(`token_strip`, `attention_map`, `tagged_sentence`, `label_table`, `derivation`, `logit_dragger`, `piece_explorer`,
`concept_map`, `error_browser`, `confusion_figure`, `reliability_figure`, `interval_figure`, `learning_curve_figure`,
`stacked_figure`, `parallel_figure`, `threshold_explorer`, `memory_explorer`, `table_auditor`, `Explore`) are what a
notebook displays when they stand last in a cell.
"""

from typing import TYPE_CHECKING

from companion._lazy import attach

if TYPE_CHECKING:
    from companion.teaching.agreement import parity as parity
    from companion.teaching.attention import attention_map as attention_map
    from companion.teaching.auditor import table_auditor as table_auditor
    from companion.teaching.claims import claim as claim
    from companion.teaching.concepts import concept_map as concept_map
    from companion.teaching.confusion import confusion_figure as confusion_figure
    from companion.teaching.devices import parallel_figure as parallel_figure
    from companion.teaching.exercises import check as check
    from companion.teaching.explore import Explore as Explore
    from companion.teaching.figures import figure as figure
    from companion.teaching.fitting import memory_explorer as memory_explorer
    from companion.teaching.listing import show as show
    from companion.teaching.logits import logit_dragger as logit_dragger
    from companion.teaching.mistakes import error_browser as error_browser
    from companion.teaching.notebook import start as start
    from companion.teaching.pieces import piece_explorer as piece_explorer
    from companion.teaching.predictions import predict as predict
    from companion.teaching.questionnaire import self_test as self_test
    from companion.teaching.refresh import refresh_shown as refresh_shown
    from companion.teaching.reliability import reliability_figure as reliability_figure
    from companion.teaching.sentences import tagged_sentence as tagged_sentence
    from companion.teaching.solutions import run_solutions as run_solutions
    from companion.teaching.stacks import stacked_figure as stacked_figure
    from companion.teaching.steps import derivation as derivation
    from companion.teaching.strips import token_strip as token_strip
    from companion.teaching.tables import label_table as label_table
    from companion.teaching.threshold import threshold_explorer as threshold_explorer
    from companion.teaching.typed_sentences import sentence_editor as sentence_editor
    from companion.teaching.uncertainty import interval_figure as interval_figure
    from companion.teaching.uncertainty import learning_curve_figure as learning_curve_figure

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "agreement": ("parity",),
        "attention": ("attention_map",),
        "auditor": ("table_auditor",),
        "claims": ("claim",),
        "concepts": ("concept_map",),
        "confusion": ("confusion_figure",),
        "devices": ("parallel_figure",),
        "exercises": ("check",),
        "explore": ("Explore",),
        "figures": ("figure",),
        "fitting": ("memory_explorer",),
        "listing": ("show",),
        "logits": ("logit_dragger",),
        "mistakes": ("error_browser",),
        "notebook": ("start",),
        "pieces": ("piece_explorer",),
        "predictions": ("predict",),
        "questionnaire": ("self_test",),
        "refresh": ("refresh_shown",),
        "reliability": ("reliability_figure",),
        "sentences": ("tagged_sentence",),
        "solutions": ("run_solutions",),
        "stacks": ("stacked_figure",),
        "steps": ("derivation",),
        "strips": ("token_strip",),
        "tables": ("label_table",),
        "threshold": ("threshold_explorer",),
        "typed_sentences": ("sentence_editor",),
        "uncertainty": ("interval_figure", "learning_curve_figure"),
    },
)
