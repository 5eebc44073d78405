"""The examples on presets run offline, on tiny models in folders."""

import keras
import keras_hub
import numpy as np
import pytest
from absl import app

import keras_lit
from keras_lit.presets.architectures import build_model
from tests.presets import tiny_release
from tests.run_example import run_example


@pytest.fixture
def folder(tmp_path):
    """A folder with a preset of a tiny LiT model and three pictures with captions."""
    tiny_release.publish(tmp_path / "server")
    vocabulary = tmp_path / "server" / tiny_release.LIT.vocabulary.file.path
    build_model(tiny_release.LIT, vocabulary).save_to_preset(tmp_path / "lit")
    random = np.random.default_rng(0)
    for number in range(3):
        pixels = random.integers(0, 256, (40, 50, 3))
        keras.utils.save_img(str(tmp_path / f"{number}.png"), pixels, scale=False)
    captions = ("a dog", "a cat", "a dog a cat")
    lines = [f"{number}.png\t{caption}" for number, caption in enumerate(captions)]
    (tmp_path / "captions.tsv").write_text("\n".join(lines))
    return tmp_path


def test_import_and_classify(folder, capsys):
    pictures = sorted(folder.glob("*.png"))
    run_example(
        "import_and_classify",
        f"--preset={folder / 'lit'}",
        "--classes=dog,cat",
        f"--output={folder / 'out'}.jpg",
        *pictures,
    )
    lines = capsys.readouterr().out.splitlines()
    model = keras_lit.LiTModel.from_preset(folder / "lit")
    classifier = keras_lit.evaluation.ZeroShotClassifier(model, ["dog", "cat"])
    expected = classifier.predict([str(path) for path in pictures])
    for line, path, (dog, cat) in zip(lines[:3], pictures, expected, strict=True):
        assert line.startswith(str(path)) and f"dog {dog:.1%}" in line and f"cat {cat:.1%}" in line
    width, height = keras.utils.load_img(folder / "out.jpg").size
    assert width == 840 and abs(height - 864) <= 1  # matplotlib's versions round differently


def test_import_and_classify_without_pictures(folder):
    with pytest.raises(app.UsageError, match="at least one picture"):
        run_example("import_and_classify", f"--preset={folder / 'lit'}")


def test_swap_image_tower(folder):
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 6],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )
    backbone.save_to_preset(folder / "resnet")
    keras_hub.layers.ResNetImageConverter(
        image_size=(16, 16), scale=1 / 127.5, offset=-1.0
    ).save_to_preset(folder / "resnet")
    run_example(
        "swap_image_tower",
        f"--preset={folder / 'lit'}",
        f"--image_backbone={folder / 'resnet'}",
        "--pooling=mean",
        f"--data={folder / 'captions.tsv'}",
        "--num_epochs=2",
        "--batch_size=3",
        f"--output={folder / 'swapped'}",
    )
    model = keras_lit.LiTModel.from_preset(folder / "swapped")
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 50, 3)).astype("uint8")
    assert model.encode_images(picture).shape == model.encode_texts(["a dog"]).shape == (1, 6)
    # The image tower stayed, the text tower learned.
    for old, new in zip(backbone.weights, model.image_tower.backbone.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    before = keras_lit.LiTModel.from_preset(folder / "lit").text_tower.backbone.weights[0]
    assert np.abs(np.array(before) - np.array(model.text_tower.backbone.weights[0])).max() > 0
