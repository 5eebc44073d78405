"""The paper's question on emojis: lock the image tower, or not? One budget, the same seeds.

Tunes on captioned Twemoji pictures, four times per seed:

  Lu      locked, pretrained image tower; text tower from scratch
  Uu      pretrained image tower that trains along
  uu      image tower from scratch that trains along
  random  locked image tower with random weights: what colour and shape alone give

and scores unseen emojis in the style of tuning and in two that tuning never saw. Finished runs are
kept in --folder, so a stopped comparison goes on where it was.

```
KERAS_BACKEND=jax python examples/lock_or_not.py --seeds=0,1,2
```
"""

import json
import pathlib

import keras
import numpy as np
from absl import app, flags

from keras_lit.data import emoji_examples
from keras_lit.data.emoji_pairs import image_batches
from keras_lit.demo import emoji_demo, emoji_scores, emoji_tower, emoji_tuning

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", "runs/lock_or_not", "Where finished runs are kept.")
flags.DEFINE_string("image_tower", str(emoji_tower.SHIPPED_TOWER), "Folder of the image tower.")
flags.DEFINE_string("salt", emoji_examples.DEFAULT_SALT, "Which concepts are unseen.")
flags.DEFINE_list("modes", ["Lu", "Uu", "uu", "random"], "What to compare.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of start weights and batches.")
flags.DEFINE_integer("num_steps", emoji_tuning.NUM_STEPS, "Training steps of each run.")
flags.DEFINE_integer("num_emojis", None, "Tune on this many emojis only, not all.")


def run(mode, seed, tuning_emojis, unseen, folder):
    """Tunes once and returns the scores `{style: {score: value}}`."""
    keras.utils.set_random_seed(seed)
    backbone = emoji_tower.load_image_backbone(FLAGS.image_tower, mode in ("Lu", "Uu"))
    locked = mode in ("Lu", "random")
    model = emoji_tuning.build_model(backbone, tuning_emojis, "Lu" if locked else mode)
    if locked:
        batches = emoji_tuning.cached_batches(model, tuning_emojis, folder / "cache", seed)
    else:
        batch_size = min(emoji_tuning.BATCH_SIZE, len(tuning_emojis))
        size = model.preprocessor.image_size[0]
        batches = image_batches(tuning_emojis, size, batch_size, seed)
    emoji_tuning.tune(model, batches, folder, FLAGS.num_steps)
    return {
        style: emoji_scores.score_emojis(model, emojis, tuning_emojis)[0]
        for style, emojis in unseen.items()
    }


def print_table(results):
    """Prints mean and standard deviation over the seeds, in percent; the best of a row in bold."""
    modes = list(results)
    print("| unseen emojis | " + " | ".join(modes) + " |")
    print("|---|" + "---:|" * len(modes))
    first = next(iter(results.values()))[0]
    for style in first:
        for score in first[style]:
            values = [[100 * run[style][score] for run in results[mode]] for mode in modes]
            best = max(np.mean(row) for row in values)
            cells = []
            for row in values:
                cell = f"{np.mean(row):.1f} ± {np.std(row):.1f}"
                cells.append(f"**{cell}**" if np.mean(row) == best else cell)
            print(f"| {style}, {score} | " + " | ".join(cells) + " |")


def main(argv):
    del argv
    builder = emoji_examples.prepare_emojis(FLAGS.salt)
    tuning_emojis = emoji_examples.read_emojis(builder, emoji_examples.TUNING_SPLITS, "twemoji")
    tuning_emojis = tuning_emojis.first(FLAGS.num_emojis or len(tuning_emojis))
    unseen = {
        style: emoji_examples.read_emojis(builder, emoji_examples.UNSEEN_SPLIT, style)
        for style in emoji_demo.STYLES
    }
    results = {mode: [] for mode in FLAGS.modes}
    for seed in map(int, FLAGS.seeds):
        for mode in FLAGS.modes:
            folder = pathlib.Path(FLAGS.folder) / f"{mode}_seed_{seed}"
            path = folder / "scores.json"
            if not path.exists():
                print(f"\n{mode}, seed {seed}", flush=True)
                scores = run(mode, seed, tuning_emojis, unseen, folder)
                path.write_text(json.dumps(scores))
            results[mode].append(json.loads(path.read_text()))
    print()
    print_table(results)


if __name__ == "__main__":
    app.run(main)
