"""`keras-lit train` through the flags of the shell: every config, a few steps at tiny size."""

import csv
import importlib.util
import json

import keras
import keras_hub
import numpy as np
import pytest

import keras_lit
from keras_lit.cli import main
from tests.data import pictures

CAPTIONS = ("red cat", "blue dog", "red sun", "blue sea", "a cat", "a dog")
# Three are of the same parts but for names and numbers, so for two of them one backend is enough.
CONFIGS = (
    pytest.param("lit_cc12m_b16", marks=pytest.mark.any_backend),
    pytest.param("lit_cc12m_l16", marks=pytest.mark.any_backend),
    "siglip_coco_b16",
    "emoji_tiny",
)


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "train", *map(str, arguments)])
    return stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pretrained tiny towers as presets, and a table of pictures and captions."""
    folder = tmp_path_factory.mktemp("train")
    keras.utils.set_random_seed(0)
    backbone = keras_lit.backbones.ViTBackbone(
        (8, 8, 3), patch_size=4, hidden_dim=8, num_layers=1, mlp_dim=8, num_heads=2
    )
    keras_lit.Tower(backbone, "class_token", name="image_tower").save_to_preset(folder / "tower")
    backbone.save_to_preset(folder / "image_backbone")
    words = sorted({word for caption in CAPTIONS for word in caption.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    keras_hub.models.BertBackbone(
        len(vocabulary), num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8
    ).save_to_preset(folder / "bert")
    keras_hub.models.BertTokenizer(vocabulary).save_to_preset(folder / "bert")
    lines = [f"{number}.png\t{caption}" for number, caption in enumerate(CAPTIONS)]
    for number in range(len(CAPTIONS)):
        (folder / f"{number}.png").write_bytes(pictures.png(number))
    (folder / "table.tsv").write_text("\n".join(lines))
    return folder


def tiny(folder, config):
    """The flags that make a config tiny."""
    values = {
        "num_steps": 2,
        "batch_size": 4,
        "schedule.warmup_steps": 1,
        "data.sources": folder / "table.tsv",
        "data.caption_feature": None,
        "evaluation.every_steps": 2,
        "evaluation.benchmarks": "",
        "evaluation.retrieval": folder / "table.tsv",
        "log_steps": 1,
        "checkpoint_steps": 1,
    }
    if config == "emoji_tiny":
        sizes = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "mlp_dim": 8}
        values |= {f"text_tower.{name}": size for name, size in sizes.items()}
        values |= {"image_tower.backbone": folder / "image_backbone"}
    else:
        values |= {"image_tower.tower": folder / "tower", "text_tower.name": folder / "bert"}
        # Its graph alone takes ten seconds; the tests of `Augmentation` run it.
        values["augmentation.RandAugment.num_ops"] = 0
    return [f"--config={config}", *(f"--config.{key}={value}" for key, value in values.items())]


def text_weights(preset):
    return keras_lit.LiTModel.from_preset(preset).text_tower.get_weights()


# BERT's own pooler, which keras-hub's backbone has and nothing reads.
@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables .'pooled_dense")
@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_trains(config, folder, capsys):
    run_folder = folder / config
    assert run(*tiny(folder, config), f"--folder={run_folder}") == 0
    printed = capsys.readouterr().out
    assert "8 pairs in 2 steps" in printed and f"from_preset('{run_folder / 'preset'}')" in printed
    with open(run_folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    assert 0 <= float(rows[-1]["text_to_image_recall@1"]) <= 1
    has_tensorboard = importlib.util.find_spec("tensorboard") is not None
    assert (run_folder / "tensorboard").exists() == has_tensorboard
    model = keras_lit.LiTModel.from_preset(run_folder / "preset")
    assert model.encode_texts(["a cat"]).shape == (1, 8)
    locked = keras_lit.Tower.from_preset(folder / "tower").get_weights()
    for weight, expected in zip(model.image_tower.get_weights(), locked, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert (model.head.bias is None) == (config != "siglip_coco_b16")


def test_a_stopped_training_goes_on(folder, tmp_path, monkeypatch, capsys):
    arguments = tiny(folder, "emoji_tiny")
    with monkeypatch.context() as patch:

        def stop(self, epoch, logs=None):
            self.csv_file.close()
            raise KeyboardInterrupt

        patch.setattr(keras.callbacks.CSVLogger, "on_epoch_end", stop)
        assert run(*arguments, f"--folder={tmp_path}") == 1
    assert "The same command goes on" in capsys.readouterr().err
    assert run(*arguments, f"--folder={tmp_path}", "--config.seed=3") == 1
    assert "other settings: seed differ" in capsys.readouterr().err
    assert run(*arguments, f"--folder={tmp_path}") == 0
    assert "Goes on after step 1" in capsys.readouterr().out
    expected = text_weights(folder / "emoji_tiny" / "preset")
    for weight, other in zip(text_weights(tmp_path / "preset"), expected, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)


def test_stored_embeddings(folder, tmp_path, capsys):
    arguments = [*tiny(folder, "emoji_tiny"), f"--cache={tmp_path / 'cache'}"]
    assert run(*arguments, f"--folder={tmp_path / 'run'}") == 0
    assert len(keras_lit.data.EmbeddingCache(tmp_path / "cache")) == len(CAPTIONS)
    log = (tmp_path / "run" / "log.csv").read_text()
    assert "batch 0.0 MB" in capsys.readouterr().out and len(log.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "takes --config"),
        (["--config=lit_cc12m_b61"], "one of emoji_tiny, lit_cc12m_b16"),
        (["--config=emoji_tiny", "--config.bach_size=3"], "Did you mean: config.batch_size"),
        (["--config=emoji_tiny", "--config.batch_size=many"], "must be of type int"),
        (["--config=emoji_tiny", "--distribution=none"], "should be one of"),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


def test_settings_that_do_not_fit(folder, tmp_path, capsys):
    arguments = [*tiny(folder, "emoji_tiny"), f"--folder={tmp_path}"]
    for flag, message in (
        ("--config.log_steps=3", "must be a multiple of `log_steps`"),
        ("--config.data.sources=", "`data.sources` is empty"),
        ("--config.loss.name=Softmax", "must be a class of keras_lit.losses"),
        ("--config.schedule.warmup_steps=2", "longer than its warm-up"),
    ):
        (tmp_path / "config.json").unlink(missing_ok=True)
        assert run(*arguments, flag) == 1
        assert message in capsys.readouterr().err


def test_a_config_of_ones_own(tmp_path):
    from keras_lit.cli.config_flags import ConfigFlags

    path = tmp_path / "mine.py"
    path.write_text("def get_config():\n    return {'a': {'b': 1.0, 'c': ()}, 'd': None}\n")
    flag_values = ConfigFlags()
    flag_values.define_config()
    flag_values(["train", f"--config={path}", "--config.a.b=2", "--config.a.c=x,y", "--config.d=7"])
    assert flag_values.read_config() == {"a": {"b": 2.0, "c": ("x", "y")}, "d": 7}
    assert json.dumps(flag_values.read_config())


def test_a_loss_that_is_no_number_is_said_without_a_traceback(tmp_path, monkeypatch, capsys):
    def train(config, folder, cache):
        raise FloatingPointError("The loss became nan in step 7.")

    monkeypatch.setattr("keras_lit.training.train", train)
    assert run("--config=emoji_tiny", f"--folder={tmp_path}") == 1
    assert capsys.readouterr().err == "keras-lit train: The loss became nan in step 7.\n"
