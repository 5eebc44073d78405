"""Tables of pictures and captions in each format, and what is said about broken ones."""

import keras
import numpy as np
import pytest

from keras_lit.data import ImageTable, cache_embeddings
from tests.data import caches


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (6 + number, 9, 3)).astype("uint8")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(5):
        path = tmp_path / "pictures" / f"{number}.png"
        keras.utils.save_img(path, picture(number), scale=False)
    return tmp_path


def write(folder, name, text):
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


TABLES = {
    "table.tsv": 'pictures/0.png\ta "red" cat\tred, cat\npictures/1.png\tdoğ\n',
    "table.csv": 'pictures/0.png,"a ""red"" cat","red, cat"\npictures/1.png,doğ\n',
    "table.jsonl": '{"image": "pictures/0.png", "captions": ["a \\"red\\" cat", "red, cat"]}\n'
    '{"image": "pictures/1.png", "caption": "doğ"}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_reads_pictures_and_captions_in_order(folder, name):
    table = ImageTable(write(folder, name, TABLES[name]))
    assert len(table) == 2
    dataset = table.pairs(batch_size=2)
    assert int(dataset.cardinality()) == 1
    (batch,) = dataset
    for number in range(2):
        np.testing.assert_array_equal(batch["images"][number].to_tensor(), picture(number))
    texts = [[text.decode() for text in row] for row in batch["captions"].to_list()]
    assert texts == [['a "red" cat', "red, cat"], ["doğ"]]
    assert table.broken == {}


def test_broken_pictures_are_left_out_and_noted(folder):
    write(folder, "pictures/1.png", (folder / "pictures" / "1.png").read_bytes()[:60])
    write(folder, "pictures/2.png", b"")
    (folder / "pictures" / "3.png").unlink()
    lines = [f"pictures/{number}.png\tsun {number}" for number in range(5)]
    table = ImageTable(write(folder, "table.tsv", "\n".join(lines)))
    cache = cache_embeddings(
        caches.lit_model(), table.pairs(2), folder / "cache", source=table.source, dtype="float32"
    )
    assert [cache[index]["captions"] for index in range(len(cache))] == [["sun 0"], ["sun 4"]]
    np.testing.assert_allclose(
        np.concatenate([cache[index]["image_embeddings"] for index in range(2)]),
        caches.lit_model().encode_images([picture(0), picture(4)]),
        atol=1e-6,
    )
    assert sorted(table.broken) == [f"pictures/{number}.png" for number in (1, 2, 3)]
    assert table.broken["pictures/3.png"] == "no such file"

    # Another table is another source, whatever its first batch holds.
    lines[4] = "pictures/4.png\tsea"
    other = ImageTable(write(folder, "table.tsv", "\n".join(lines)))
    with pytest.raises(ValueError, match=r"source\.sha256"):
        cache_embeddings(
            caches.lit_model(),
            other.pairs(2),
            folder / "cache",
            source=other.source,
            dtype="float32",
        )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("table.tsv", "", "has no line"),
        ("table.tsv", "a.png\tcat\nb.png\n", "Line 2 .*a picture's path and a caption"),
        ("table.tsv", "a.png\t \n", "Line 1 "),
        ("table.csv", "a.png,cat\n\nb.png,dog\n", "Line 2 "),
        ("table.jsonl", '{"image": "a.png"}\n', "Line 1 "),
        ("table.jsonl", '{"image": "a.png", "caption": "cat"}\n{', "Line 2 .*not a JSON object"),
        ("table.jsonl", "[1]\n", "Line 1 .*not a JSON object"),
        ("table.txt", "a.png\tcat\n", r"must end in \.tsv, \.csv or \.jsonl"),
        ("table.tsv", b"a.png\t\xff\n", "not UTF-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        ImageTable(write(tmp_path, name, text))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.tsv"):
        ImageTable(tmp_path / "missing.tsv")
