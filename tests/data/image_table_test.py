"""Tables of pictures and captions in each format, and what is said about broken ones."""

import keras
import numpy as np
import pytest

from keras_lit.data import YFCC100M, BrokenRecords, ImageTable, TableLayout, cache_embeddings
from keras_lit.data.decoding import NO_CAPTION, NO_FILE, NO_PICTURE, NOT_UTF8
from tests.data import caches, pictures


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


def test_broken_pictures_are_left_out_and_noted(folder):
    write(folder, "pictures/1.png", (folder / "pictures" / "1.png").read_bytes()[:60])
    write(folder, "pictures/2.png", b"")
    (folder / "pictures" / "3.png").unlink()
    lines = [f"pictures/{number}.png\tsun {number}" for number in range(5)]
    table = ImageTable(write(folder, "table.tsv", "\n".join(lines)))
    broken = BrokenRecords(max_share=0.6)
    cache = cache_embeddings(
        caches.lit_model(),
        table.pairs(2, broken),
        folder / "cache",
        source=table.source,
        dtype="float32",
    )
    assert [cache[index]["captions"] for index in range(len(cache))] == [["sun 0"], ["sun 4"]]
    np.testing.assert_allclose(
        np.concatenate([cache[index]["image_embeddings"] for index in range(2)]),
        caches.lit_model().encode_images([picture(0), picture(4)]),
        atol=1e-6,
    )
    keys = dict(broken.found.values())
    assert sorted(keys) == [f"pictures/{number}.png" for number in (1, 2, 3)]
    assert keys["pictures/3.png"] == NO_FILE

    # Another table is another source, whatever its first batch holds.
    lines[4] = "pictures/4.png\tsea"
    other = ImageTable(write(folder, "table.tsv", "\n".join(lines)))
    with pytest.raises(ValueError, match=r"source\.version"):
        cache_embeddings(
            caches.lit_model(),
            other.pairs(2, broken),
            folder / "cache",
            source=other.source,
            dtype="float32",
        )


def test_bad_lines_are_skipped_and_counted(folder):
    tsv = b"pictures/0.png\tcat\npictures/1.png\npictures/2.png\t \n\tdog\npictures/3.png\t\xff\n\n"
    jsonl = (
        b'{"image": "pictures/0.png", "caption": "cat"}\n{"image": "pictures/1.png"}\n'
        b'{"image": "pictures/2.png", "captions": 5}\n{"caption": "dog"}\n'
        b'{"image": "pictures/3.png", "caption": "\xff"}\n[1]\n{\n'
    )
    reasons = [NO_CAPTION, NO_CAPTION, NO_PICTURE, NOT_UTF8]
    for name, data, more in (("t.tsv", tsv, 1), ("t.jsonl", jsonl, 2)):
        broken = BrokenRecords(1.0)
        pairs = ImageTable(write(folder, name, data)).pairs(8, broken)
        assert pictures.captions_of(pairs) == [["cat"]]
        unread = ["line that cannot be read"] * more
        assert [reason for _, reason in broken.found.values()] == reasons + unread
        assert broken.found[3][0] == f"{name}:4" and broken.found[5][0] == f"{name}:6"


def test_layouts_name_columns(folder):
    columns = dict.fromkeys(YFCC100M.columns, "-")
    columns |= {"photoid": "pictures/0", "ext": "png", "title": "a+dog+%26+cat", "description": ""}
    columns["licensename"] = "Attribution License"
    table = ImageTable(write(folder, "yfcc.tsv", "\t".join(columns.values())), YFCC100M)
    assert pictures.captions_of(table.pairs(1)) == [["a dog & cat"]]
    assert list(table.column("licensename")) == ["Attribution License"]
    layout = TableLayout("pictures/{id}.png", ("en", "de"))
    text = 'id,en,de\n1,"one, two",eins\n'
    table = ImageTable(write(folder, "table.csv", text), layout)
    assert pictures.captions_of(table.pairs(1)) == [["one, two", "eins"]]
    row = '{"id": 1, "en": ["one", "two"], "de": "eins", "license": "CC0"}'
    table = ImageTable(write(folder, "table.jsonl", row), layout)
    assert pictures.captions_of(table.pairs(1)) == [["one", "two", "eins"]]
    assert list(table.column("license")) == ["CC0"]
    with pytest.raises(ValueError, match="no column 'de'. It has: "):
        ImageTable(write(folder, "table.csv", "id,en\n1,one\n"), layout)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("table.tsv", "", "has no line"),
        ("table.txt", "a.png\tcat\n", r"must end in \.tsv, \.csv or \.jsonl"),
    ],
)
def test_bad_tables_are_refused(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        ImageTable(write(tmp_path, name, text))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.tsv"):
        ImageTable(tmp_path / "missing.tsv")
