"""Supervised fine-tuning of language models: one loop, three choices.

Every method is a choice of what is in the batch, what is minimised, and what is trainable; the loop never changes.
"""

from typing import TYPE_CHECKING

from companion._lazy import attach

if TYPE_CHECKING:
    from companion.adaptation.apply import adapt as adapt
    from companion.adaptation.apply import trainable_table as trainable_table
    from companion.adaptation.bottleneck import BottleneckAdapter as BottleneckAdapter
    from companion.adaptation.low_rank import AdaLoRA as AdaLoRA
    from companion.adaptation.low_rank import LoRA as LoRA
    from companion.adaptation.merging import merge as merge
    from companion.adaptation.methods import BitFit as BitFit
    from companion.adaptation.methods import Full as Full
    from companion.adaptation.methods import HeadOnly as HeadOnly
    from companion.adaptation.methods import TopLayers as TopLayers
    from companion.adaptation.prompts import PrefixTuning as PrefixTuning
    from companion.adaptation.prompts import PromptTuning as PromptTuning
    from companion.corpora.augmentation import augment as augment
    from companion.corpora.catalog import load_corpus as load_corpus
    from companion.corpora.conversations import Pair as Pair
    from companion.corpora.conversations import Turn as Turn
    from companion.corpora.microlanguage import MicroLanguage as MicroLanguage
    from companion.corpora.pairs import PairCorpus as PairCorpus
    from companion.corpora.records import Corpus as Corpus
    from companion.corpora.texts import Text as Text
    from companion.corpora.texts import TextCorpus as TextCorpus
    from companion.deployment.adapters import AdapterSet as AdapterSet
    from companion.deployment.predictor import Answerer as Answerer
    from companion.deployment.predictor import Predictor as Predictor
    from companion.deployment.predictor import load as load
    from companion.doctor.examination import doctor as doctor
    from companion.errors import CompanionError as CompanionError
    from companion.evaluation.comparison import Comparison as Comparison
    from companion.evaluation.comparison import compare as compare
    from companion.evaluation.robustness import measure_robustness as measure_robustness
    from companion.models.averaging import Ensemble as Ensemble
    from companion.models.decoder import Decoder as Decoder
    from companion.models.decoder import load_decoder as load_decoder
    from companion.models.decoder import mini_decoder as mini_decoder
    from companion.models.encoder import Encoder as Encoder
    from companion.models.encoder import load_encoder as load_encoder
    from companion.models.miniature import mini_encoder as mini_encoder
    from companion.objectives.adversarial import FGM as FGM
    from companion.objectives.adversarial import PGD as PGD
    from companion.objectives.masked_lm import CausalLMCrossEntropy as CausalLMCrossEntropy
    from companion.objectives.masked_lm import MaskedLMCrossEntropy as MaskedLMCrossEntropy
    from companion.objectives.penalty import Orthogonality as Orthogonality
    from companion.objectives.supervised import TokenCrossEntropy as TokenCrossEntropy
    from companion.recipes.supervised import FineTuned as FineTuned
    from companion.recipes.supervised import fine_tune as fine_tune
    from companion.recipes.tuning import tune as tune
    from companion.recipes.tuning_outcome import Tuned as Tuned
    from companion.recipes.tuning_space import Choice as Choice
    from companion.recipes.tuning_space import LogUniform as LogUniform
    from companion.recipes.tuning_space import Uniform as Uniform
    from companion.tasks.causal_lm import CausalLMTask as CausalLMTask
    from companion.tasks.masked_lm import MaskedLMTask as MaskedLMTask
    from companion.tasks.scoring import evaluate as evaluate
    from companion.tasks.texts import TextTask as TextTask
    from companion.tasks.tokens import TokenTask as TokenTask
    from companion.training.config import TrainConfig as TrainConfig
    from companion.training.footprint import estimate_memory as estimate_memory
    from companion.training.loop import train as train
    from companion.training.outcome import Run as Run

__version__ = "0.1.0"

if not TYPE_CHECKING:  # a type checker would take any name for one that this `__getattr__` knows
    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "adaptation.apply": ("adapt", "trainable_table"),
            "adaptation.bottleneck": ("BottleneckAdapter",),
            "adaptation.low_rank": ("AdaLoRA", "LoRA"),
            "adaptation.merging": ("merge",),
            "adaptation.methods": ("BitFit", "Full", "HeadOnly", "TopLayers"),
            "adaptation.prompts": ("PrefixTuning", "PromptTuning"),
            "corpora.augmentation": ("augment",),
            "corpora.catalog": ("load_corpus",),
            "corpora.conversations": ("Pair", "Turn"),
            "corpora.microlanguage": ("MicroLanguage",),
            "corpora.pairs": ("PairCorpus",),
            "corpora.records": ("Corpus",),
            "deployment.adapters": ("AdapterSet",),
            "deployment.predictor": ("Answerer", "Predictor", "load"),
            "doctor": ("doctor",),
            "corpora.texts": ("Text", "TextCorpus"),
            "errors": ("CompanionError",),
            "evaluation.comparison": ("Comparison", "compare"),
            "evaluation.robustness": ("measure_robustness",),
            "models.averaging": ("Ensemble",),
            "models.decoder": ("Decoder", "load_decoder", "mini_decoder"),
            "models.encoder": ("Encoder", "load_encoder"),
            "models.miniature": ("mini_encoder",),
            "objectives.adversarial": ("FGM", "PGD"),
            "objectives.masked_lm": ("CausalLMCrossEntropy", "MaskedLMCrossEntropy"),
            "objectives.penalty": ("Orthogonality",),
            "objectives.supervised": ("TokenCrossEntropy",),
            "recipes.supervised": ("FineTuned", "fine_tune"),
            "recipes.tuning": ("tune",),
            "recipes.tuning_outcome": ("Tuned",),
            "recipes.tuning_space": ("Choice", "LogUniform", "Uniform"),
            "tasks.causal_lm": ("CausalLMTask",),
            "tasks.masked_lm": ("MaskedLMTask",),
            "tasks.scoring": ("evaluate",),
            "tasks.texts": ("TextTask",),
            "tasks.tokens": ("TokenTask",),
            "training.config": ("TrainConfig",),
            "training.footprint": ("estimate_memory",),
            "training.loop": ("train",),
            "training.outcome": ("Run",),
        },
    )
