"""What comparisons on emojis share: data, scores of a tuned model, finished runs that are kept.

A run is a JSON file with the configuration that it had, its scores and how long it took. One that
is there is not run again, so a comparison that was stopped goes on where it was.
"""

import dataclasses
import json
import time

import keras
import numpy as np

from keras_lit.data import emoji_examples
from keras_lit.data.emoji_pairs import image_batches
from keras_lit.demo import emoji_demo, emoji_scores, emoji_tuning


@dataclasses.dataclass(frozen=True)
class EmojiData:
    """Captioned emojis, and those that are never captioned.

    Args:
        tuning: `EmojiExamples` in Twemoji's style.
        unseen: Dict from style to `EmojiExamples` of other concepts.
    """

    tuning: emoji_examples.EmojiExamples
    unseen: dict

    @classmethod
    def read(cls, builder, num_emojis=None):
        """Reads them from what `emoji_examples.prepare_emojis` returned; `None`: all emojis."""
        tuning = emoji_examples.read_emojis(builder, emoji_examples.TUNING_SPLITS, "twemoji")
        unseen = {
            style: emoji_examples.read_emojis(builder, emoji_examples.UNSEEN_SPLIT, style)
            for style in emoji_demo.STYLES
        }
        return cls(tuning.first(num_emojis or len(tuning)), unseen)

    def batches(self, model, batch_size, seed, cache_folder):
        """Returns a function from the first step to endless batches to tune a model on.

        They are stored embeddings where the image tower is locked, else distorted pictures.
        """
        batch_size = min(batch_size, len(self.tuning))
        if model.image_tower.locked:
            return emoji_tuning.cached_batches(
                model, self.tuning, cache_folder, seed, batch_size=batch_size
            )
        return image_batches(self.tuning, model.preprocessor.image_size[0], batch_size, seed)

    def score(self, model):
        """Returns the scores in `[0, 1]` of a tuned model, by style and name."""
        return {
            style: emoji_scores.score_emojis(model, emojis, self.tuning)[0]
            for style, emojis in self.unseen.items()
        }


def kept_run(path, configuration, run):
    """Returns the scores of a run, from its file where it is finished.

    Args:
        path: `pathlib.Path` of the JSON file.
        configuration: Dict that says what the run is.
        run: Function without arguments that returns the scores.

    Raises:
        ValueError: If the file is of a run with another configuration.
    """
    if not path.exists():
        print(f"\n{path.stem}: {configuration}", flush=True)
        start = time.time()
        scores = run()
        keras.backend.clear_session()
        record = {
            "configuration": configuration,
            "scores": scores,
            "seconds": round(time.time() - start, 1),
            "backend": keras.config.backend(),
            "keras": keras.__version__,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2))
    record = json.loads(path.read_text())
    if record["configuration"] != configuration:
        raise ValueError(
            f"'{path}' is of a run with {record['configuration']}, not {configuration}. Name "
            "another --folder, or delete it."
        )
    return record["scores"]


def format_scores(choices):
    """Formats mean and standard deviation over the seeds in percent, the best choice in bold.

    Args:
        choices: Dict from the name of a choice to a dict from the name of a score to a list of
            values in `[0, 1]`, one per seed.

    Returns:
        Dict of dicts of strings with the same names.
    """
    cells = {choice: {} for choice in choices}
    for score in next(iter(choices.values())):
        best = max(np.mean(scores[score]) for scores in choices.values())
        for choice, scores in choices.items():
            mean, deviation = np.mean(scores[score]), np.std(scores[score])
            cell = f"{100 * mean:.1f} ± {100 * deviation:.1f}"
            cells[choice][score] = f"**{cell}**" if mean == best else cell
    return cells


def write_table(title, rows):
    """Returns a Markdown table of a dict from rows to dicts from columns to strings."""
    columns = next(iter(rows.values()))
    lines = [f"| {title} | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {name} | {' | '.join(cells.values())} |" for name, cells in rows.items()]
    return "\n".join(lines)
