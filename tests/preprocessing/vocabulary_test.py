"""vocabulary_from_captions: complete, ordered, and the same in every process."""

import itertools
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_lit.preprocessing import WordPieceTokenizer, vocabulary_from_captions

pytestmark = pytest.mark.any_backend

CAPTIONS = ["A photo of a dog", "two photos of dogs", "Ein Straßenfest, größer!", "中国 photo"]


def test_starts_with_the_special_tokens_and_holds_no_token_twice():
    vocabulary = vocabulary_from_captions(CAPTIONS)
    assert vocabulary[:3] == ["[PAD]", "[UNK]", "[CLS]"]
    assert len(set(vocabulary)) == len(vocabulary)
    WordPieceTokenizer(vocabulary)


def test_no_word_of_the_captions_is_unknown():
    tokenizer = WordPieceTokenizer(vocabulary_from_captions(CAPTIONS), sequence_length=None)
    for pieces in tokenizer(CAPTIONS):
        assert 1 not in pieces


def test_frequent_words_become_one_piece():
    vocabulary = vocabulary_from_captions(["photo"] * 10 + ["zebra"])
    assert "photo" in vocabulary and "zebra" not in vocabulary


def test_size_is_kept():
    captions = [f"word{number} other{number}" for number in range(200)] * 2
    unlimited = vocabulary_from_captions(captions)
    assert len(unlimited) > 100
    assert vocabulary_from_captions(captions, vocabulary_size=100) == unlimited[:100]


def test_datasets_and_lists_give_the_same():
    dataset = tf.data.Dataset.from_tensor_slices(CAPTIONS)
    expected = vocabulary_from_captions(CAPTIONS)
    assert vocabulary_from_captions(dataset) == expected
    assert vocabulary_from_captions(dataset.batch(3)) == expected
    assert vocabulary_from_captions(CAPTIONS[::-1]) == expected


def test_the_same_in_every_process():
    """All merges are ties here, which the trainer alone breaks by the order of a hash table."""
    words = ["".join(letters) for letters in itertools.product("abcdef", repeat=3)]
    expected = vocabulary_from_captions(words, 40, min_frequency=1)
    program = (
        "from keras_lit.preprocessing import vocabulary_from_captions\n"
        f"print(' '.join(vocabulary_from_captions({words}, 40, min_frequency=1)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == expected


@pytest.mark.parametrize("captions", ["a dog", [], ["", "  "]])
def test_errors(captions):
    with pytest.raises(ValueError, match="captions"):
        vocabulary_from_captions(captions)
