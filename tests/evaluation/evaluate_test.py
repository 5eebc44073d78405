"""Benchmarks on real files: against the direct computation, interrupted, and on bad data."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

import keras_lit
from keras_lit.data import cache_writer
from keras_lit.evaluation import (
    DataUnavailable,
    ZeroShotBenchmark,
    ZeroShotClassifier,
    benchmarks,
    confusion_matrix,
    evaluate_benchmark,
    retrieval_recall,
    zero_shot_accuracy,
)
from keras_lit.evaluation.benchmark_sources import TFDSSource
from tests.evaluation import benchmark_cases as cases


class TinyLabels(tfds.core.GeneratorBasedBuilder):
    """Pictures with ImageNet's labels, one or several, in the layout of ImageNet-ReaL."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = None
    LABELS = [[0], [1, 6], [], [70, 71, 72]]

    def _info(self):
        label = tfds.features.ClassLabel(num_classes=1000)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "label": label,
                    "real_label": tfds.features.Sequence(label),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples()}

    def _generate_examples(self):
        for number, labels in enumerate(self.LABELS):
            yield (
                number,
                {
                    "image": cases.picture(number, 0),
                    "label": [0, 6, 13, 999][number],
                    "real_label": labels,
                },
            )


class Unprepared(TinyLabels):
    """A data set whose server does not answer."""

    name = "unprepared"

    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to host")


@pytest.fixture(scope="module")
def model():
    return cases.lit_model()


@pytest.fixture
def data_dir(tmp_path):
    cases.write_pictures(tmp_path)
    return tmp_path


def test_zero_shot_equals_the_direct_computation(model, data_dir):
    result = evaluate_benchmark(model, cases.ZERO_SHOT, data_dir / "store", data_dir, batch_size=1)
    pictures = [
        cases.picture(label, number)[2:-2, 2:-2] for label in range(10) for number in (0, 1)
    ]
    labels = np.repeat(np.arange(10), 2)
    classifier = ZeroShotClassifier(model, cases.CLASSES, ["{}"])
    scores = classifier.similarities(encode_one_by_one(model, pictures))
    assert result.metrics == pytest.approx(zero_shot_accuracy(scores, labels))
    expected = confusion_matrix(scores.argmax(axis=1), labels, 10)
    np.testing.assert_array_equal(result.confusion, expected)
    assert result.chance["zero_shot_accuracy@5"] == 0.5 and result.num_images == 20
    # Nothing is embedded a second time.
    model_without_towers = _Fails(model)
    again = evaluate_benchmark(
        model_without_towers, cases.ZERO_SHOT, data_dir / "store", data_dir, 1
    )
    assert again.metrics == result.metrics


def encode_one_by_one(model, pictures):
    """As a batch of one, which is compiled anyway."""
    return np.concatenate([model.encode_images([picture]) for picture in pictures])


class _Fails:
    """A model that can say what it is, and no longer embeds."""

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def encode_texts(self, texts):
        raise AssertionError("texts are embedded again")


def test_retrieval_equals_the_direct_computation(model, data_dir):
    result = evaluate_benchmark(model, cases.RETRIEVAL, data_dir / "store", data_dir, batch_size=1)
    paths = sorted((data_dir / "downloads" / "manual" / "captioned" / "images").iterdir())
    images = encode_one_by_one(model, paths)
    texts, image_ids = [], []
    for label, name in enumerate(cases.CLASSES):
        captions = [name] if label % 2 else [name, f"two {name}"]
        texts += captions
        image_ids += [label] * len(captions)
    expected = retrieval_recall(images, model.encode_texts(texts), image_ids)
    assert result.metrics == expected
    assert result.chance["text_to_image_recall@5"] == 0.5
    assert result.chance["image_to_text_recall@10"] == pytest.approx(1 - (1 - 10 / 15) ** 1.5)
    best, worst = result.queries[0], result.queries[-1]
    rank_of = dict(zip(texts, result.ranks["text_to_image"], strict=True))
    assert rank_of[best["text"]] == min(rank_of.values())
    assert rank_of[worst["text"]] == max(rank_of.values())
    for query in result.queries:
        assert query["image"] == image_ids[texts.index(query["text"])]
        found = query["found"].index(query["image"]) if query["image"] in query["found"] else None
        assert found == rank_of[query["text"]] or (found is None and rank_of[query["text"]] >= 5)


def test_an_interrupted_evaluation_goes_on(model, data_dir, monkeypatch):
    """Twenty batches of one picture, sixteen to a shard; stopped in the eighteenth."""
    embedded = []
    pad = cache_writer.input_batches.pad_rows

    def counting(images, multiple):
        if len(embedded) == 17:
            embedded.append(None)
            raise KeyboardInterrupt
        embedded.append(images)
        return pad(images, multiple)

    arguments = (model, cases.ZERO_SHOT, data_dir / "store", data_dir, 1)
    with monkeypatch.context() as patch:
        patch.setattr(cache_writer.input_batches, "pad_rows", counting)
        with pytest.raises(KeyboardInterrupt):
            evaluate_benchmark(*arguments)
        result = evaluate_benchmark(*arguments)
    assert len(embedded) == 18 + 4 + 1, "the last four pictures, and the texts"
    expected = evaluate_benchmark(model, cases.ZERO_SHOT, data_dir / "other", data_dir, 1)
    assert result.metrics == expected.metrics


def test_labels_of_imagenet_become_classes_and_pictures_without_a_label_do_not_count(
    model, tmp_path
):
    for name, target, count in (("imagenet_real", "real_label", 3), ("imagenet_a", "label", None)):
        known = benchmarks[name]
        benchmark = ZeroShotBenchmark(
            name,
            name,
            TFDSSource("tiny_labels", "test", target),
            known.resize,
            known.classes,
            "class_name_only",
        )
        if count is None:
            # Tench, label 0, is not one of ImageNet-A's 200 classes.
            with pytest.raises(ValueError, match="`labels` must be between 0 and 199"):
                evaluate_benchmark(model, benchmark, tmp_path / "store", tmp_path, 1)
            continue
        result = evaluate_benchmark(model, benchmark, tmp_path / "store", tmp_path, 1)
        assert result.num_images == count and result.confusion is None
        assert set(result.metrics) == {"zero_shot_accuracy@1", "zero_shot_accuracy@5"}
    classes = benchmarks["imagenet_a"].class_ids(np.array([[6, -1], [13, 0]]))
    names = benchmarks["imagenet_a"].labels
    assert [names[index] for index in (classes[0, 0], classes[1, 0])] == ["n01498041", "n01534433"]
    assert classes[:, 1].tolist() == [-1, -1]


def test_data_that_cannot_be_had(model, tmp_path):
    store = tmp_path / "store"
    with pytest.raises(DataUnavailable, match="no pictures of 10 of 10 classes, .* Draw them."):
        evaluate_benchmark(model, cases.ZERO_SHOT, store, tmp_path)
    with pytest.raises(DataUnavailable, match="captions.jsonl.* Write them."):
        evaluate_benchmark(model, cases.RETRIEVAL, store, tmp_path)
    (tmp_path / "downloads" / "manual" / "captioned").mkdir(parents=True)
    path = tmp_path / "downloads" / "manual" / "captioned" / "captions.jsonl"
    path.write_text('{"image/key": "lost", "de": {"caption": ["x"]}}')
    with pytest.raises(DataUnavailable, match="1 of 1 pictures are not in .* 'lost.jpg'. Write"):
        evaluate_benchmark(model, cases.RETRIEVAL, store, tmp_path)
    benchmark = ZeroShotBenchmark("x", "x", TFDSSource("unprepared", "test"))
    with pytest.raises(DataUnavailable, match="no route to host.*`tfds build unprepared`"):
        evaluate_benchmark(model, benchmark, store, tmp_path)
    with pytest.raises(DataUnavailable, match="by hand into .*downloads/manual: .*image-net.org"):
        evaluate_benchmark(model, benchmarks["imagenet"], store, tmp_path)


def test_an_empty_split_and_other_bad_models(model, data_dir):
    empty = ZeroShotBenchmark("x", "x", TFDSSource("tiny_labels", "test[:0]"))
    with pytest.raises(ValueError, match=r"no data in its split 'test\[:0\]'.* splits \['test'\]"):
        evaluate_benchmark(model, empty, data_dir / "store", data_dir)
    damaged = data_dir / "downloads" / "manual" / "colors" / cases.CLASSES[0] / "1.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"holds no JPEG.*{cases.CLASSES[0]}/1.png"):
        evaluate_benchmark(model, cases.ZERO_SHOT, data_dir / "store", data_dir, 1)
    without = keras_lit.LiTModel(model.image_tower, model.text_tower)
    with pytest.raises(ValueError, match="no tokenizer in its preprocessor"):
        evaluate_benchmark(without, cases.ZERO_SHOT, data_dir / "store", data_dir)
