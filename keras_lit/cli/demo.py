"""keras-lit demo: tune a text tower onto a locked image tower, and see what it can do.

About three minutes on two cores, with real pictures and captions (emojis). Writes

  runs/demo/report.html    curve, table, pictures: open it in a browser
  runs/demo/metrics.json   the numbers of the report, and their chance levels
  runs/demo/lit_emoji/     the tuned model, for keras_lit.LiTModel.from_preset

It can be stopped at any time (Ctrl-C); the same command goes on from there.

Example:
  keras-lit demo --folder runs/demo
"""

from absl import app, flags

FLAGS = flags.FlagValues()
_FOLDER = flags.DEFINE_string(
    "folder", "runs/demo", "Where everything is written.", flag_values=FLAGS
)
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", None, "Training steps; fewer is faster, and worse.", flag_values=FLAGS
)
_NUM_EMOJIS = flags.DEFINE_integer(
    "num_emojis", None, "Tune on this many emojis only, not all.", flag_values=FLAGS
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Decides start weights and the order of the batches.", flag_values=FLAGS
)


def run(arguments):
    """Runs the demo with the parsed flags."""
    if arguments:
        raise app.UsageError(f"takes no arguments. Received: {arguments}")
    from keras_lit.demo import emoji_demo

    emoji_demo.run_demo(_FOLDER.value, _NUM_STEPS.value, _NUM_EMOJIS.value, _SEED.value)
