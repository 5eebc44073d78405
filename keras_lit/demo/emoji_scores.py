"""A tuned model and emojis that it was never shown -> scores in [0, 1], and their chance levels."""

import collections

import numpy as np

from keras_lit.data.emoji_groups import COARSE_GROUPS, GROUP_PROMPTS
from keras_lit.evaluation import (
    ZeroShotClassifier,
    best_matches,
    retrieval_recall,
    zero_shot_accuracy,
)

_LEAST_EXAMPLES = 5


def score_emojis(model, unseen, tuning):
    """Scores one style of unseen emojis.

    Args:
        model: Object with `encode_images` and `encode_texts`.
        unseen: `EmojiExamples` of concepts that were never captioned.
        tuning: `EmojiExamples` that the model was tuned on; only their keywords are used.

    Returns:
        Tuple of two dicts of floats with the same names, the scores and their chance levels:
        `group_accuracy` (zero-shot into the coarse groups, mean over the groups),
        `keyword_precision@5` (share of a keyword's five best pictures that carry the keyword),
        `name_recall@10` and `picture_recall@10` (picture found by its name, and name by picture).
    """
    images = model.encode_images(unseen.images)
    labels = group_labels(unseen)
    in_group = labels >= 0
    scores = group_classifier(model).similarities(images[in_group])
    accuracy = zero_shot_accuracy(scores, labels[in_group], k=(1,))

    keywords, relevant = shared_keywords(unseen, tuning)
    found, _ = best_matches(model.encode_texts(keywords), images, k=5)
    precision = np.mean([relevant[row, columns].mean() for row, columns in enumerate(found)])

    texts = model.encode_texts([names[0] for names in unseen.names])
    recall = retrieval_recall(images, texts, np.arange(len(unseen)), k=(10,))
    chance_recall = 10 / len(unseen)
    return (
        {
            "group_accuracy": accuracy["zero_shot_balanced_accuracy"],
            "keyword_precision@5": float(precision),
            "name_recall@10": recall["text_to_image_recall@10"],
            "picture_recall@10": recall["image_to_text_recall@10"],
        },
        {
            "group_accuracy": 1 / len(COARSE_GROUPS),
            "keyword_precision@5": float(relevant.mean()),
            "name_recall@10": chance_recall,
            "picture_recall@10": chance_recall,
        },
    )


def group_labels(emojis):
    """Returns each emoji's index into the coarse groups, -1 where it belongs to none."""
    return np.array([COARSE_GROUPS.index(group) if group else -1 for group in emojis.groups])


def group_classifier(model):
    """Returns the zero-shot classifier into the coarse groups."""

    def describe(class_names, templates):
        return [list(GROUP_PROMPTS[name]) for name in class_names]

    return ZeroShotClassifier(model, COARSE_GROUPS, text_rule=describe)


def shared_keywords(unseen, tuning):
    """Finds the single-word keywords that several unseen and several tuning concepts carry.

    Returns:
        Tuple of a sorted list of keywords and a boolean array `(keywords, unseen emojis)` that
        says which emoji carries which.
    """
    counts = [
        collections.Counter(word for words in emojis.keywords for word in set(words))
        for emojis in (unseen, tuning)
    ]
    keywords = sorted(
        word
        for word in counts[0]
        if " " not in word and min(count[word] for count in counts) >= _LEAST_EXAMPLES
    )
    relevant = np.array([[word in words for words in unseen.keywords] for word in keywords])
    return keywords, relevant
