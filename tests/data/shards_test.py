"""tar and TFRecord shards: which members make a record, and faults of whole shards."""

import json

import pytest

from keras_lit.data import BrokenRecords, TarShards, TFRecordShards
from keras_lit.data.decoding import NO_CAPTION, NO_PICTURE
from tests.data import pictures

pytestmark = pytest.mark.any_backend


def read(source, group_size=4):
    broken = BrokenRecords(1.0)
    return pictures.captions_of(source.pairs(group_size, broken)), broken


def test_neighbouring_members_are_one_record(tmp_path):
    path = pictures.write_tar(
        tmp_path / "00000.tar",
        {
            "a/0.jpg": pictures.JPEG,
            "a/0.txt": b"from the text\n",
            "a/0.json": json.dumps({"caption": "not this"}).encode(),
            "b/0.seg.png": b"a mask, which is no picture of the record",
            "b/0.PNG": pictures.png(0),
            "b/0.json": json.dumps({"captions": ["one", "two"], "url": "x"}).encode(),
            "1.webp": pictures.png(1),
            "1.json": b"{",
            "2.txt": b"without a picture",
            "3.png": pictures.png(3),
        },
    )
    captions, broken = read(TarShards(path))
    assert captions == [["from the text"], ["one", "two"]]
    assert list(broken.found.values()) == [
        ("1", "damaged .json"),
        ("2", NO_PICTURE),
        ("3", NO_CAPTION),
    ]


def test_a_shard_that_is_cut_off_is_counted_and_the_next_goes_on(tmp_path):
    members = {f"{number}.png": pictures.png(number) for number in range(3)}
    members |= {f"{number}.txt": str(number).encode() for number in range(3)}
    members = dict(sorted(members.items()))
    whole = (tmp_path / "x", tmp_path / "y")
    for path in whole:
        pictures.write_tar(path, members)
    data = whole[0].read_bytes()
    (tmp_path / "0.tar").write_bytes(data[:2600])  # within 1.png
    (tmp_path / "1.tar").write_bytes(data[:2048])  # between two members
    (tmp_path / "2.tar").write_bytes(data)
    (tmp_path / "3.tar").write_bytes(b"")
    source = TarShards(str(tmp_path / "{0..3}.tar"))
    captions, broken = read(source)
    assert captions == [["0"], ["0"], ["0"], ["1"], ["2"]]
    assert len(broken) == 3 and len(source) == 8 == broken.num_read
    for (key, reason), number in zip(broken.found.values(), (0, 1, 3), strict=True):
        assert f"{number}.tar, after " in key and "ends before its time (ReadError" in reason


def test_tfrecords(tmp_path):
    examples = [
        {"picture": [pictures.png(0)], "title": [b"sun"], "texts": [b"moon", b"sea"]},
        {"title": [b"no picture"]},
        {"picture": [pictures.png(2)], "title": [b"dog"]},
    ]
    path = pictures.write_tfrecord(tmp_path / "a.tfrecord", examples)
    size = (tmp_path / "a.tfrecord").stat().st_size
    last = size - len(pictures.png(2)) // 2
    for name, end in (("b", last), ("c", 5)):  # within a record, and within its length
        data = (tmp_path / "a.tfrecord").read_bytes()[:end]
        (tmp_path / f"{name}.tfrecord").write_bytes(data)
    source = TFRecordShards(str(tmp_path / "*.tfrecord"), "picture", "title,texts")
    captions, broken = read(source)
    assert captions == [["sun", "moon", "sea"], ["dog"], ["sun", "moon", "sea"]]
    assert [reason.split(" (")[0] for _, reason in broken.found.values()] == [
        NO_PICTURE,
        NO_PICTURE,
        "shard that ends before its time",
        "shard that ends before its time",
    ]
    assert len(source) == 7
    assert len({TFRecordShards(path).version, source.version}) == 2
    assert source.source == {"name": "*.tfrecord", "version": source.version, "split": "all"}


def test_missing_shards_are_named(tmp_path):
    for number in (0, 2):
        (tmp_path / f"{number:02}.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"There is no file '.*01\.tar' \(1 of "):
        TarShards(str(tmp_path / "{00..02}.tar"))
    with pytest.raises(ValueError, match=r"no file '.*\*\.tfrecord'"):
        TFRecordShards(str(tmp_path / "*.tfrecord"))
