"""What all sources share: broken records, order, captions, resumption, shares of processes."""

import types

import numpy as np
import pytest

from keras_lit.data import BrokenRecords, ImageFolder, ImageTable, Resize, TarShards
from keras_lit.data.decoding import DAMAGED, NO_FILE
from keras_lit.preprocessing.batches import clear_errors
from tests.data import pictures

pytestmark = pytest.mark.any_backend

NUM_PICTURES = 7
BROKEN = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven pictures of a colour each, with two captions that name it; number 3 is broken."""
    images = [pictures.png(number) for number in range(NUM_PICTURES)]
    images[BROKEN] = images[BROKEN][:50]
    captions = [f"{number} a\n{number} b\n".encode() for number in range(NUM_PICTURES)]
    return pictures.write_folder(tmp_path_factory.mktemp("data") / "folder", images, captions)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Three tar files of two pictures each; the first of the second file is broken."""
    root = tmp_path_factory.mktemp("shards")
    for shard in range(3):
        numbers = (2 * shard, 2 * shard + 1)
        members = {}
        for number in numbers:
            members[f"{number}.png"] = pictures.png(number)[: 50 if number == 2 else None]
            members[f"{number}.txt"] = str(number).encode()
        pictures.write_tar(root / f"{shard}.tar", members)
    return TarShards(str(root / "{0..2}.tar"))


def context(process, num_processes):
    return types.SimpleNamespace(input_pipeline_id=process, num_input_pipelines=num_processes)


def read(source, num_batches, **kwargs):
    """Returns the batches as lists of pairs of the picture's number and its caption."""
    kwargs.setdefault("broken", BrokenRecords(1.0))
    pairs = source.training_pairs(2, Resize(4), **kwargs)
    found = []
    for batch in pairs.take(num_batches):
        assert batch["images"].shape[1:] == (4, 4, 3)
        numbers = (batch["images"].numpy()[:, 0, 0, 0] // 20).tolist()
        found.append(list(zip(numbers, pictures.captions_of([batch]), strict=True)))
    return found


def test_every_reason_is_counted_and_reported(tmp_path):
    images = [pictures.png(0)] + [image for image, _ in pictures.FAULTS.values()]
    captions = [b"moon"] + [caption for _, caption in pictures.FAULTS.values()]
    source = ImageFolder(pictures.write_folder(tmp_path / "data", images, captions))
    broken = BrokenRecords(max_share=1.0)
    pairs = source.pairs(4, broken)
    assert pictures.captions_of(pairs) == [["moon"]] == pictures.captions_of(pairs)
    assert broken.reasons == dict.fromkeys(pictures.FAULTS, 1)
    assert broken.num_read == len(source) == 8 and int(pairs.cardinality()) == 2
    report = broken.report(num_examples=7)
    assert report.startswith("7 of 8 records (87.5 %) were skipped: ")
    for number, reason in enumerate(pictures.FAULTS, start=1):
        assert f"1 {reason}" in report and f"{number}.png ({reason})" in report


def test_unusual_kinds_of_pictures_are_no_fault(tmp_path):
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 8, 3), "uint8"))
    kinds = [("L", "JPEG"), ("CMYK", "JPEG"), ("LA", "PNG"), ("P", "GIF"), ("L", "BMP")]
    for mode, kind in [*kinds, ("RGBA", "WEBP")]:
        image.convert(mode).save(tmp_path / f"{kind}_{mode}.{kind.lower()}", kind)
        (tmp_path / f"{kind}_{mode}.txt").write_text(mode)
    broken = BrokenRecords(max_share=0)
    (batch,) = ImageFolder(tmp_path).pairs(8, broken)
    assert batch["images"].shape == (6, None, None, 3) and not broken


def test_too_many_broken_records_stop_with_examples(folder):
    source = ImageFolder(folder)
    with pytest.raises(ValueError, match=rf"1 of 7 records .*3\.png \({DAMAGED}\)"), clear_errors():
        list(source.pairs(4))
    missing = ImageTable(pictures_missing(folder))
    with pytest.raises(ValueError, match=rf"More than 5 % .*\(100 %\).*{NO_FILE}"), clear_errors():
        next(iter(missing.training_pairs(1000, Resize(4))))


def pictures_missing(folder):
    path = folder.parent / "missing.tsv"
    path.write_text("\n".join(f"lost/{number}.png\tsun" for number in range(100)))
    return path


def stream_keys(source, num_records, **kwargs):
    """Returns the keys of the raw stream."""
    keys = [
        key
        for group in source.stream(2, 0, **kwargs).take(num_records // 2)
        for key in group["key"].numpy()
    ]
    return [key.decode() for key in keys]


def test_batches_are_full_without_the_broken_and_each_record_comes_once_in_a_pass(folder):
    batches = read(ImageFolder(folder), 60)
    assert all(len(batch) == 2 for batch in batches)
    stream = [pair for batch in batches for pair in batch]
    assert all(caption[0] == str(number) for number, caption in stream)
    passes = [
        tuple(number for number, _ in stream[start : start + 6]) for start in range(0, 120, 6)
    ]
    assert all(set(one) == {0, 1, 2, 4, 5, 6} for one in passes)
    assert len(set(passes)) > 15  # in another order each time
    captions = {caption for _, caption in stream}
    assert len(captions) == 12  # two of each


@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_a_resumed_stream_is_the_same(kind, folder, shards, tmp_path):
    source = shards if kind == "shards" else ImageFolder(folder)
    broken = BrokenRecords(1.0)
    batches = read(source, 9, seed=2, broken=broken)
    broken.save(tmp_path / "broken.json")
    loaded = BrokenRecords.load(tmp_path / "broken.json")
    assert loaded.found == broken.found and loaded.num_read == broken.num_read
    assert loaded.position_after(2 * 5) > 2 * 5  # the broken one came before
    assert batches[5:] == read(source, 4, seed=2, start_step=5, broken=loaded)
    # Without knowing what was broken, by decoding again.
    assert batches[5:] == read(source, 4, seed=2, start_step=5)


def test_processes_share_the_records_and_shards_come_once_in_a_pass(folder, shards):
    for source, sizes in ((ImageFolder(folder), (4, 3)), (shards, (4, 2))):
        halves = [
            stream_keys(source, 4 * size, process=process, num_processes=2)
            for process, size in enumerate(sizes)
        ]
        for keys, size in zip(halves, sizes, strict=True):
            passes = [keys[start : start + size] for start in range(0, len(keys), size)]
            assert all(len(set(one)) == size for one in passes)
            assert len({tuple(one) for one in passes}) > 1
        assert not set(halves[0]) & set(halves[1])
        assert (
            stream_keys(source, 4, start=sum(sizes) + 1)
            == (stream_keys(source, 12)[sum(sizes) + 1 :][:4])
        )
    (one,) = read(shards, 1, input_context=context(1, 2))
    assert len(one) == 1 and one[0][0] in (2, 3)
    with pytest.raises(ValueError, match="3 shards, which do not go round 4 processes"):
        shards.stream(1, 0, 0, 0, 4)
    with pytest.raises(ValueError, match="7 records, which do not go round 8 processes"):
        ImageFolder(folder).stream(1, 0, 0, 0, 8)


def test_bad_arguments(folder):
    source = ImageFolder(folder)
    with pytest.raises(ValueError, match="divide by the 2 process"):
        source.training_pairs(3, Resize(4), input_context=context(0, 2))
    with pytest.raises(ValueError, match="`start_step` must be >= 0"):
        source.training_pairs(2, Resize(4), start_step=-1)
    with pytest.raises(ValueError, match="one fixed size"):
        source.training_pairs(2, lambda image, seed: image)
    with pytest.raises(ValueError, match="`max_share` must lie in"):
        BrokenRecords(max_share=5)
