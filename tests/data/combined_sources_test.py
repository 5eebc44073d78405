"""Mixtures by weight, cleaned captions, and the lengths of captions."""

import numpy as np
import pytest

from keras_lit.data import BrokenRecords, CleanCaptions, ImageFolder, Mixture, TarShards
from keras_lit.data.caption_cleaning import caption_lengths, clean_captions
from keras_lit.data.decoding import NO_CAPTION
from tests.data import pictures

pytestmark = pytest.mark.any_backend


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder of five pictures and a tar file of two."""
    root = tmp_path_factory.mktemp("data")
    images = [pictures.png(number) for number in range(5)]
    folder = pictures.write_folder(root / "folder", images, [b"of the folder"] * 5)
    members = {}
    for number in range(2):
        members |= {f"tar{number}.png": images[number], f"tar{number}.txt": b"of the tar"}
    return ImageFolder(folder), TarShards(pictures.write_tar(root / "0.tar", members))


def keys(source, num_records, start=0):
    groups = source.stream(4, seed=0, start=start).take(-(-num_records // 4))
    return [key.decode() for group in groups for key in group["key"].numpy()][:num_records]


def test_mixtures_keep_weights_and_go_on_exactly(sources):
    mixture = Mixture(sources, weights=[1, 3])
    stream = keys(mixture, 800)
    of_tar = [key for key in stream if key.startswith("tar")]
    assert abs(len(of_tar) / 800 - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 800)
    assert all(set(of_tar[start : start + 2]) == {"tar0", "tar1"} for start in range(0, 200, 2))
    for start in (7, 700):  # within the first block of choices, and beyond it
        assert keys(mixture, 20, start) == stream[start : start + 20]
    assert len(mixture) == 7
    captions = pictures.captions_of(mixture.pairs(3))
    assert captions == [["of the folder"]] * 5 + [["of the tar"]] * 2
    assert mixture.version != Mixture(sources).version


def test_weights_must_fit(sources):
    for weights in ([1.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="2 numbers > 0"):
            Mixture(sources, weights)
    with pytest.raises(ValueError, match="`sources` is empty"):
        Mixture([])


def test_captions_are_cleaned_before_they_are_looked_at(tmp_path):
    captions = [b"<PERSON> &amp; <b>dog</b>\n", b"http://a.b/c?d <br/>\n"]
    folder = pictures.write_folder(tmp_path / "data", [pictures.png(0)] * 2, captions)
    source = CleanCaptions(ImageFolder(folder))
    broken = BrokenRecords(1.0)
    assert pictures.captions_of(source.pairs(2, broken)) == [["person & dog"]]
    assert broken.found == {1: ("1.png", NO_CAPTION)}
    assert source.version != ImageFolder(folder).version and len(source) == 2


@pytest.mark.parametrize(
    ("caption", "cleaned"),
    [
        ("a  dog\t\n in   the sun ", "a dog in the sun"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("&lt;3 &quot;x&quot; &#39;y&#39; &amp;amp;", "<3 \"x\" 'y' &amp;"),
        ("doğ www.a.b/c 犬", "doğ 犬"),
    ],
)
def test_cleaning(caption, cleaned):
    assert clean_captions([caption]).numpy()[0].decode() == cleaned


def test_lengths_are_words_or_characters_without_spaces():
    lengths = caption_lengths(["a dog", "the red dog sits", "赤い犬"])
    assert lengths.num_captions == 3 and lengths.mean == 3
    assert lengths.percentiles == {5: 2, 50: 3, 95: 4, 100: 4}
    with pytest.raises(ValueError, match="`captions` is empty"):
        caption_lengths([])
