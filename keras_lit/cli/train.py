"""keras-lit train: tune a model as a config file says.

--config is the path of a Python file that defines get_config(), or the name of one that comes with
the package: lit_cc12m_b16 and lit_cc12m_l16, as LiT-B16B_2 and LiT-L16L were trained,
siglip_coco_b16, and emoji_tiny, which needs no download. Flags replace single values of it. What
the values mean: help(keras_lit.training.train).

Writes into --folder (default: runs/ and the name of the config)

  log.csv, tensorboard/   loss, accuracy and evaluations, a line per config.log_steps
  backup/                 to go on from, every config.checkpoint_steps
  preset/                 the tuned model, for keras_lit.LiTModel.from_preset

It can be stopped at any time (Ctrl-C); the same command goes on from the last backup. With --cache,
pictures are embedded once and the embeddings stored in that folder, which other trainings on the
same image tower and data can share; without, they are augmented and embedded in each step.

Examples:
  keras-lit train --config=emoji_tiny --cache=runs/emoji_cache
  keras-lit train --config=lit_cc12m_b16 --config.data.sources='cc12m/{00000..01242}.tar' \\
    --config.batch_size=1024 --config.schedule.learning_rate=5e-4 --distribution=fully_sharded
"""

import pathlib

from absl import app, flags

from keras_lit.cli.config_flags import ConfigFlags

FLAGS = ConfigFlags()
FLAGS.define_config()
_FOLDER = flags.DEFINE_string("folder", None, "Where everything is written.", flag_values=FLAGS)
_CACHE = flags.DEFINE_string(
    "cache", None, "Folder of stored embeddings of the locked image tower.", flag_values=FLAGS
)
_DISTRIBUTION = flags.DEFINE_enum(
    "distribution",
    "data_parallel",
    ["data_parallel", "fully_sharded", "model_parallel"],
    "How devices share the work.",
    flag_values=FLAGS,
)
_MODEL_AXIS = flags.DEFINE_integer(
    "model_axis", 1, "Devices per model, of model_parallel.", lower_bound=1, flag_values=FLAGS
)


def run(arguments):
    """Trains, or goes on training."""
    config = FLAGS["config"].value
    if arguments or config is None:
        raise app.UsageError(f"takes --config and no arguments. Received: {arguments}")
    folder = pathlib.Path(_FOLDER.value or pathlib.Path("runs") / pathlib.Path(config).stem)

    import keras_lit
    from keras_lit.training import train

    if _DISTRIBUTION.value == "model_parallel":
        keras_lit.distribution.model_parallel(_MODEL_AXIS.value)
    else:
        getattr(keras_lit.distribution, _DISTRIBUTION.value)()
    train(FLAGS.read_config(), folder, _CACHE.value)
    preset = folder / "preset"
    print(f"Written to {preset}: keras_lit.LiTModel.from_preset('{preset}')")
