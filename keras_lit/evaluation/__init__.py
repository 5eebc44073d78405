"""Zero-shot classification, retrieval, few-shot probes: for any object that encodes both sides."""

from keras_lit.evaluation.accuracy import confusion_matrix, label_ranks, zero_shot_accuracy
from keras_lit.evaluation.callbacks import RetrievalEvaluation, ZeroShotEvaluation
from keras_lit.evaluation.few_shot import (
    LinearProbe,
    few_shot_indices,
    fit_linear_probe,
    nearest_neighbor_scores,
)
from keras_lit.evaluation.prompts import (
    canonical_texts,
    canonical_texts_with_aliases,
    canonicalize,
    describe_classes,
    prompt_templates,
    verbatim_texts,
)
from keras_lit.evaluation.retrieval import best_matches, retrieval_ranks, retrieval_recall
from keras_lit.evaluation.zero_shot import ZeroShotClassifier, class_weights, encode_classes

__all__ = [
    "LinearProbe",
    "RetrievalEvaluation",
    "ZeroShotClassifier",
    "ZeroShotEvaluation",
    "best_matches",
    "canonical_texts",
    "canonical_texts_with_aliases",
    "canonicalize",
    "class_weights",
    "confusion_matrix",
    "describe_classes",
    "encode_classes",
    "few_shot_indices",
    "fit_linear_probe",
    "label_ranks",
    "nearest_neighbor_scores",
    "prompt_templates",
    "retrieval_ranks",
    "retrieval_recall",
    "verbatim_texts",
    "zero_shot_accuracy",
]
