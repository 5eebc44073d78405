"""Settings and a folder -> a trained model in it, as a preset, with its logs and checkpoints."""

import importlib.util
import json
import pathlib

import keras

from keras_lit import StopOnNaN, TrainingBackup, distribution
from keras_lit.data import BrokenRecords
from keras_lit.training import building, inputs
from keras_lit.training.estimate import estimate_training
from keras_lit.training.evaluations import evaluation_callbacks
from keras_lit.whole_files import whole_file


def train(config, folder, cache=None):
    """Trains a model as the settings say; a stopped training goes on where it was.

    Writes `config.json`, `vocabulary.txt` where one is learned, `log.csv`, `tensorboard/`,
    `backup/` and at last `preset/`. The batches, and all random choices, are those of a training
    that was never stopped.

    Args:
        config: Dict of settings, as `get_config()` of `keras_lit.configs` returns it:

            - `seed`, `num_steps`, `batch_size`, `micro_batch_size`, `tuning`;
            - `image_tower`: a `tower`, preset for `keras_lit.Tower`; or a `backbone`, preset of
              keras-hub, and its `pooling`; the `dtype` of either;
            - `text_tower`: `name` and `sequence_length` as for `keras_lit.presets.text_tower`; or
              sizes of a `TextTransformerBackbone` that has no name; for a tower from scratch a
              `vocabulary`, path of a file, or `None` and the `vocabulary_size` to learn;
            - `head`, `loss`, `optimizer`, `schedule`: arguments, of the class that `name` says;
            - `data`: `sources` for `keras_lit.data.open_source`, their features, and which
              `max_broken_share` of records to put up with;
            - `augmentation`: preprocessing layers of Keras with their arguments, in order;
            - `evaluation`: `benchmarks`, and `retrieval` on data of one's own, `every_steps`;
            - `log_steps`, `checkpoint_steps`.
        folder: Path of a folder of this training alone.
        cache: Path of a folder for the embeddings of a locked image tower, which are stored there
            first where they are not yet. `None`: pictures are augmented and embedded in each step.

    Returns:
        `keras_lit.LiTModel`.

    Raises:
        ValueError: If settings do not fit together, the folder is of a training with others, or
            the cache of another image tower or other data.
    """
    folder = pathlib.Path(folder)
    _check_steps(config)
    _claim(folder, config)
    keras.utils.set_random_seed(config["seed"])
    source = inputs.open_data(config)
    callbacks = evaluation_callbacks(config)
    model = building.build_model(config, source, folder / "vocabulary.txt")
    building.compile_model(model, config)
    broken = _BrokenRecordsBackup(folder / "broken_records.json", config["data"])
    if cache is not None:
        cache = inputs.open_cache(model, source, pathlib.Path(cache), broken.records)
    model.optimizer.build(model.trainable_variables)
    print(
        estimate_training(model, config["batch_size"], config["num_steps"], cache is not None),
        flush=True,
    )
    backup = TrainingBackup(folder / "backup", config["checkpoint_steps"])
    step = backup.restore(model)
    if step:
        print(f"Goes on after step {step:,}, which {backup.path} holds.")
    if step < config["num_steps"]:
        if cache is None:
            batches = inputs.augmented_batches(
                config, source, model.preprocessor.image_size, step, broken.records
            )
        else:
            batches = cache.dataset(
                config["batch_size"], seed=config["seed"], start_step=step, num_passes=None
            )
        model.fit(
            batches,
            initial_epoch=step // config["log_steps"],
            epochs=config["num_steps"] // config["log_steps"],
            steps_per_epoch=config["log_steps"],
            callbacks=[
                StopOnNaN(backup),
                *callbacks,
                *_loggers(folder),
                broken,
                backup,
            ],
        )
    if broken.records:
        print(broken.records.report())
    if distribution.process_index() == 0:
        model.save_to_preset(folder / "preset")
    return model


def _loggers(folder):
    loggers = [keras.callbacks.CSVLogger(folder / "log.csv", append=True)]
    if importlib.util.find_spec("tensorboard") is None:
        print("The log is log.csv alone. For TensorBoard: pip install 'keras-lit[tensorboard]'")
    else:
        loggers.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    return loggers


class _BrokenRecordsBackup(keras.callbacks.Callback):
    """Keeps the broken records found so far, which tell the next run where the data set stands."""

    def __init__(self, path, settings):
        super().__init__()
        self.path = path
        self.records = BrokenRecords(settings["max_broken_share"])
        if path.exists():
            self.records = BrokenRecords.load(path)

    def on_epoch_end(self, epoch, logs=None):
        self.records.save(self.path)


def _check_steps(config):
    """Raises unless a training can go on exactly where a line of its log ends."""
    for name in ("num_steps", "checkpoint_steps"):
        if config["log_steps"] < 1 or config[name] % config["log_steps"] or config[name] < 1:
            raise ValueError(
                f"`{name}` must be a multiple of `log_steps`. Received: {name}={config[name]}, "
                f"log_steps={config['log_steps']}."
            )


def _claim(folder, config):
    """Creates the folder, or checks that the training in it has the same settings."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    text = json.dumps(config, indent=2)
    if not path.exists():
        with whole_file(path) as file:
            file.write(text.encode())
    elif path.read_text() != text:
        was = json.loads(path.read_text())
        differing = [
            name for name in config if json.dumps(config[name]) != json.dumps(was.get(name))
        ]
        raise ValueError(
            f"'{folder}' holds a training with other settings: {', '.join(differing)} differ. Name "
            "another folder, or delete this one."
        )
