"""The registry against TFDS' metadata, without downloading: classes, their order, splits, data."""

import importlib.resources
import json

import pytest
import tensorflow as tf

from keras_lit.data.emoji_groups import COARSE_GROUPS, GROUP_PROMPTS
from keras_lit.evaluation import RetrievalBenchmark, ZeroShotBenchmark, benchmarks, get_benchmark
from keras_lit.evaluation.benchmark_sources import TFDSSource
from keras_lit.evaluation.prompts import check_templates

pytestmark = pytest.mark.any_backend

ZERO_SHOT = {
    name: entry for name, entry in benchmarks.items() if isinstance(entry, ZeroShotBenchmark)
}
# TFDS reads the names of CIFAR's classes from the download; until then it knows their number.
WITHOUT_NAMES = {"cifar10", "cifar100"}
# Published lists that name two classes alike.
SHARED_NAMES = {
    "imagenet": {"missile", "sunglasses"},
    "imagenet_v2": {"missile", "sunglasses"},
    "imagenet_real": {"missile", "sunglasses"},
}


def test_every_benchmark_that_was_asked_for_is_there():
    names = """imagenet imagenet_v2 imagenet_a imagenet_r imagenet_real objectnet cifar10 cifar100
        oxford_iiit_pet caltech101 dtd flowers102 svhn sun397 resisc45 eurosat food101
        imagenet_zh coco_captions flickr30k crossmodal3600_de"""
    assert set(names.split()) <= set(benchmarks)
    assert all(name == entry.name and entry.title for name, entry in benchmarks.items())


def test_classes_and_their_order_are_those_of_tfds(tmp_path):
    for name, benchmark in ZERO_SHOT.items():
        assert len(benchmark.labels) == len(benchmark.class_names)
        if not isinstance(benchmark.source, TFDSSource):
            assert list(benchmark.source.class_folders) == benchmark.labels
            continue
        if callable(benchmark.source.target):
            continue
        features = benchmark.source.load(tmp_path).info.features
        labels = features[benchmark.source.target]
        labels = getattr(labels, "feature", labels)  # of a sequence
        assert labels.num_classes == benchmark.num_labels, name
        if name not in WITHOUT_NAMES:
            chosen = [label for label in labels.names if label in set(benchmark.labels)]
            assert chosen == benchmark.labels, name
    assert not list(tmp_path.iterdir()), "something was downloaded"


def test_groups_of_emojis_are_those_of_the_demo():
    benchmark = benchmarks["emoji_groups"]
    assert tuple(benchmark.labels) == COARSE_GROUPS
    assert benchmark.texts_per_class == [list(GROUP_PROMPTS[name]) for name in COARSE_GROUPS]
    examples = {"subgroup": [b"transport-water", b"flag", b"sport"]}
    labels = tf.data.Dataset.from_tensor_slices(examples).map(benchmark.source.target)
    assert list(labels.as_numpy_iterator()) == [COARSE_GROUPS.index("vehicle"), -1, -1]


def test_retrieval_benchmarks_name_features_of_tfds(tmp_path):
    for benchmark in benchmarks.values():
        if isinstance(benchmark, RetrievalBenchmark) and isinstance(benchmark.source, TFDSSource):
            features = benchmark.source.load(tmp_path).info.features
            for part in benchmark.source.target.split("/"):
                features = getattr(features, "feature", features)[part]


@pytest.mark.parametrize("name", ZERO_SHOT)
def test_every_class_has_texts_of_its_own(name):
    benchmark = ZERO_SHOT[name]
    check_templates(benchmark.prompt_templates)
    assert all(class_name.strip() for class_name in benchmark.class_names)
    texts = [tuple(texts) for texts in benchmark.texts_per_class]
    assert len(texts) == len(benchmark.labels)
    shared = {
        class_name
        for class_name, text in zip(benchmark.class_names, texts, strict=True)
        if texts.count(text) > 1
    }
    if name.partition("_")[2] not in ("ar", "it", "ja", "zh"):  # translations merge some more
        assert shared == SHARED_NAMES.get(name, set())
    assert len(shared) < 20


def test_objectnet_maps_to_classes_of_imagenet():
    mapping = _file("objectnet")["imagenet_labels"]
    assert list(mapping) == benchmarks["objectnet"].labels and len(mapping) == 113
    known = set(benchmarks["imagenet"].labels)
    assert all(labels and set(labels) <= known for labels in mapping.values())
    names = _file("imagenet")["classes"]
    assert [names[label] for label in mapping["alarm_clock"]] == ["analog clock", "digital clock"]


def test_figures_belong_to_benchmarks_and_their_metrics():
    for model, entry in _file("reported").items():
        assert entry["source"]
        for name, figures in entry["figures"].items():
            assert benchmarks[name].metric in figures, (model, name)
            assert all(0 < value < 1 for value in figures.values())
    assert benchmarks["imagenet_v2"].reported["LiT-B16B_2"] == {"zero_shot_accuracy@1": 0.651}
    assert benchmarks["dtd"].reported == {}


def test_every_file_names_source_and_licence():
    folder = importlib.resources.files("keras_lit.evaluation") / "benchmark_files"
    for path in folder.iterdir():
        if path.name != "reported.json":
            content = json.loads(path.read_text(encoding="utf-8"))
            assert content["source"] and content["licence"], path.name


def test_preprocessing_is_the_originals():
    resize = benchmarks["imagenet_r"].resize(224)
    assert (resize.size, resize.interpolation) == (256, "bilinear")
    resize = benchmarks["imagenet_a"].resize(224)
    assert (resize.size, resize.interpolation) == (298, "area")


def test_names_may_be_cut_short_where_they_stay_unique():
    assert get_benchmark("coco").name == "coco_captions"
    assert get_benchmark("imagenet").name == "imagenet"
    with pytest.raises(ValueError, match="Ambiguous benchmark 'cifar'. Known are: .*cifar100"):
        get_benchmark("cifar")
    for name in ("mnist", ""):
        with pytest.raises(ValueError, match=f"benchmark '{name}'. Known are"):
            get_benchmark(name)


def _file(name):
    folder = importlib.resources.files("keras_lit.evaluation") / "benchmark_files"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
