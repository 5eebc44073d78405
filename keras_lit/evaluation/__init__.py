"""Zero-shot classification, retrieval, few-shot probes: for any object that encodes both sides."""

from keras_lit.evaluation.accuracy import confusion_matrix, label_ranks, zero_shot_accuracy
from keras_lit.evaluation.benchmark import RetrievalBenchmark, ZeroShotBenchmark
from keras_lit.evaluation.benchmark_report import Report, model_card
from keras_lit.evaluation.benchmark_sources import DataUnavailable
from keras_lit.evaluation.callbacks import RetrievalEvaluation, ZeroShotEvaluation
from keras_lit.evaluation.evaluate import BenchmarkResult, evaluate_benchmark, text_fingerprint
from keras_lit.evaluation.few_shot import (
    LinearProbe,
    few_shot_indices,
    fit_linear_probe,
    nearest_neighbor_scores,
)
from keras_lit.evaluation.learning_curves import curves_of_log
from keras_lit.evaluation.prompts import (
    canonical_texts,
    canonical_texts_with_aliases,
    canonicalize,
    describe_classes,
    prompt_templates,
    verbatim_texts,
)
from keras_lit.evaluation.registry import benchmarks, get_benchmark
from keras_lit.evaluation.retrieval import best_matches, retrieval_ranks, retrieval_recall
from keras_lit.evaluation.stored_texts import StoredTexts
from keras_lit.evaluation.zero_shot import ZeroShotClassifier, class_weights, encode_classes

__all__ = [
    "BenchmarkResult",
    "DataUnavailable",
    "LinearProbe",
    "Report",
    "RetrievalBenchmark",
    "RetrievalEvaluation",
    "StoredTexts",
    "ZeroShotBenchmark",
    "ZeroShotClassifier",
    "ZeroShotEvaluation",
    "benchmarks",
    "best_matches",
    "canonical_texts",
    "canonical_texts_with_aliases",
    "canonicalize",
    "class_weights",
    "confusion_matrix",
    "curves_of_log",
    "describe_classes",
    "encode_classes",
    "evaluate_benchmark",
    "few_shot_indices",
    "fit_linear_probe",
    "get_benchmark",
    "label_ranks",
    "model_card",
    "nearest_neighbor_scores",
    "prompt_templates",
    "retrieval_ranks",
    "retrieval_recall",
    "text_fingerprint",
    "verbatim_texts",
    "zero_shot_accuracy",
]
