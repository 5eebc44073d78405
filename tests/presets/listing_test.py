"""The printed table and the documentation page are those of the registry."""

import pathlib

import keras_lit
from keras_lit.presets.page import page

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "presets.md"


def test_table(capsys):
    names = keras_lit.list_presets()
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "name" and header.endswith("source")
    assert [line.split()[0] for line in lines] == names
    assert names[0] == "lit_b16b"
    for part in ("ViT B/16 + BERT base", "195.9 M", "768", "224", "72.1 %"):
        assert part in lines[0]
    assert lines[0].endswith("gs://vit_models/lit/LiT-B16B.npz")


def test_page_is_up_to_date():
    assert PAGE.read_text() == page(), "Run: python -m keras_lit.presets.page > docs/presets.md"
