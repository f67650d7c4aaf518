"""How good, and how sure: entity scores, their intervals, and what kind of errors are left."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "alarms": ("AlarmReport", "score_alarms"),
        "attribution": (
            "Attribution",
            "attention_received",
            "gradient_times_input",
            "integrated_gradients",
            "occlusion",
        ),
        "answers": ("AnswerReport", "score_answers", "unsupported_numbers", "word_f1"),
        "calibration": (
            "CalibrationReport",
            "ConfidenceBin",
            "Temperature",
            "apply_temperature",
            "calibration_report",
            "fit_temperature",
            "wilson_interval",
        ),
        "classification": ("ClassificationReport", "score_labels"),
        "comparison": ("Comparison", "Difference"),
        "continual": ("AccuracyMatrix",),
        "counterfactual": ("NameSwap", "measure_name_swap", "name_gaps", "swap_in_text", "swap_name", "swappable"),
        "counts": ("Counts", "EntityCounts", "count_entities"),
        "entities": ("score_entities", "surface_forms"),
        "intervals": ("Interval", "bootstrap_interval", "paired_difference", "seeds_interval", "student_quantile"),
        "learning_curves": ("CurvePoint", "LabelsNeeded", "LearningCurve", "labels_needed", "learning_curve"),
        "optimism": ("ExpectedBest", "expected_best"),
        "paired": ("PairedTest", "holm", "mcnemar_test", "paired_bootstrap", "permutation_test"),
        "passes": ("RepeatAgreement", "cohen_kappa", "load_passes", "repeat_agreement"),
        "ranking": ("Rank", "auroc", "hit_rate", "mean_auc", "rank_of"),
        "regression": ("RegressionReport", "score_numbers"),
        "rejection": ("CostCurve", "chow_threshold", "cost_curve"),
        "report": ("EntityReport", "SurfaceRecall"),
        "robustness": ("Robustness", "UnderAttack", "measure_robustness"),
        "subgroups": ("SubgroupGap", "subgroup_gaps"),
        "taxonomy": ("ErrorExample", "Examples", "Outcome", "compare"),
    },
)
