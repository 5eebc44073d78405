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

import functools
import pathlib

import emoji_comparison
import keras
from absl import app, flags

from keras_lit.data import emoji_examples
from keras_lit.demo import emoji_tower, emoji_tuning

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", "runs/lock_or_not", "Where finished runs are kept.")
flags.DEFINE_string("image_tower", str(emoji_tower.SHIPPED_TOWER), "Folder of the image tower.")
flags.DEFINE_string("salt", emoji_examples.DEFAULT_SALT, "Which concepts are unseen.")
flags.DEFINE_list("modes", ["Lu", "Uu", "uu", "random"], "What to compare.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of start weights and batches.")
flags.DEFINE_integer("num_steps", emoji_tuning.NUM_STEPS, "Training steps of each run.")
flags.DEFINE_integer("num_emojis", None, "Tune on this many emojis only, not all.")


def run(mode, seed, data, folder):
    """Tunes once and returns the scores `{style: {score: value}}`."""
    keras.utils.set_random_seed(seed)
    backbone = emoji_tower.load_image_backbone(FLAGS.image_tower, mode in ("Lu", "Uu"))
    tuning = "Lu" if mode == "random" else mode
    model = emoji_tuning.build_model(backbone, data.tuning, tuning)
    batches = data.batches(model, emoji_tuning.BATCH_SIZE, seed, folder / "cache")
    emoji_tuning.tune(model, batches, folder, FLAGS.num_steps)
    return data.score(model)


def main(argv):
    del argv
    builder = emoji_examples.prepare_emojis(FLAGS.salt)
    data = emoji_comparison.EmojiData.read(builder, FLAGS.num_emojis)
    results = {mode: [] for mode in FLAGS.modes}
    for seed in map(int, FLAGS.seeds):
        for mode in FLAGS.modes:
            folder = pathlib.Path(FLAGS.folder) / f"{mode}_seed_{seed}"
            configuration = {
                "mode": mode,
                "seed": seed,
                "num_steps": FLAGS.num_steps,
                "num_emojis": len(data.tuning),
                "image_tower": FLAGS.image_tower,
                "salt": FLAGS.salt,
            }
            scores = emoji_comparison.kept_run(
                folder / "run.json",
                configuration,
                functools.partial(run, mode, seed, data, folder),
            )
            results[mode].append(scores)
    cells = emoji_comparison.format_scores(
        {
            mode: {
                f"{style}, {score}": [scores[style][score] for scores in runs]
                for style, scores_of_style in runs[0].items()
                for score in scores_of_style
            }
            for mode, runs in results.items()
        }
    )
    rows = {score: {mode: cells[mode][score] for mode in cells} for score in cells[FLAGS.modes[0]]}
    print(f"\n{emoji_comparison.write_table('unseen emojis', rows)}")


if __name__ == "__main__":
    app.run(main)
