"""WordPieceTokenizer: ids of the original, any kind of input, vocabulary errors, saving."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from keras_lit.preprocessing import WordPieceTokenizer
from tests.parity_table import assert_equal
from tests.preprocessing.reference_cases import WORD_PIECE, fixtures_of
from tests.reference import load_json, reference_root

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "a", "dog", "##s", "photo", "of"]


def test_fixtures_exist():
    assert fixtures_of(WORD_PIECE)


@pytest.mark.parametrize("fixture", fixtures_of(WORD_PIECE))
def test_ids_equal_the_reference(fixture):
    reference = load_json(fixture, "cases.json")
    cases = reference["cases"]
    texts = [case["text"] for case in cases]
    vocabulary = str(reference_root() / fixture / "vocab.txt")
    tokenizer = WordPieceTokenizer(vocabulary, sequence_length=reference["max_len"])
    assert tokenizer.start_token_id == reference["cls_id"]

    expected = np.array([case["ids"] for case in cases])
    assert_equal(fixture, "batch", tokenizer(texts), expected)
    dataset = tf.data.Dataset.from_tensor_slices(texts)
    batched = dataset.batch(7).map(tokenizer).unbatch()
    assert_equal(fixture, "tf.data", list(batched.as_numpy_iterator()), expected)
    single = list(dataset.map(tokenizer).as_numpy_iterator())
    assert_equal(fixture, "tf.data, one by one", single, expected)

    ragged = WordPieceTokenizer(vocabulary, sequence_length=None)(texts)
    assert ragged == [case["untruncated"] for case in cases]


@pytest.mark.any_backend
def test_every_code_point_equals_the_op_of_the_original():
    """The oracle is tf_text.BertTokenizer, which the original calls; ours is another path."""
    code_points = [c for c in range(0x30000) if not 0xD800 <= c <= 0xDFFF]
    rng = random.Random(0)
    texts = [f"x{chr(c)}y{chr(c)} {chr(c)}" for c in code_points]
    marks = ["\u0301", "\u0345", "\u302e", "\U0001d16f", "\u1100", "\u1161", "\u2028", "\u200d"]
    common = list("abé -.,\t") + marks
    for _ in range(5000):
        letters = [chr(rng.choice(code_points)) for _ in range(10)] + rng.choices(common, k=20)
        rng.shuffle(letters)
        texts.append("".join(letters))

    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(["[UNK]"], [0], tf.string, tf.int64), 1
    )
    words = tf_text.BertTokenizer(table, lower_case=True)._basic_tokenizer.tokenize(texts)
    characters = sorted(set(b"".join(words.flat_values.numpy()).decode()))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", *characters, *(f"##{c}" for c in characters)]
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(
            vocabulary, list(range(len(vocabulary))), tf.string, tf.int64
        ),
        1,
    )
    expected = tf_text.BertTokenizer(table, lower_case=True).tokenize(texts).merge_dims(1, 2)
    ours = WordPieceTokenizer(vocabulary, sequence_length=None)(texts)
    different = [
        ascii(text) for text, a, b in zip(texts, ours, expected.to_list(), strict=True) if a != b
    ]
    assert not different, different[:10]


@pytest.mark.parametrize("num_bytes, is_known", [(100, True), (101, False)])
def test_a_word_over_100_bytes_is_unknown(num_bytes, is_known):
    tokenizer = WordPieceTokenizer(["[UNK]", "[CLS]", "a", "##a"], sequence_length=None)
    pieces = list(np.asarray(tokenizer("a" * num_bytes)))
    assert pieces == ([2] + [3] * 99 if is_known else [0])


def test_unknown_id_follows_a_vocabulary_without_unknown_token():
    tokenizer = WordPieceTokenizer(["[CLS]", "a"], sequence_length=4)
    np.testing.assert_array_equal(np.asarray(tokenizer("a zebra")), [0, 1, 2, 0])
    assert tokenizer.vocabulary_size() == 3


@pytest.mark.parametrize(
    "texts, shape",
    [
        ("a dog", (5,)),
        (["a dog"], (1, 5)),
        (("a dog", "dogs", ""), (3, 5)),
        (np.array(["a dog", "dogs"]), (2, 5)),
        (np.array(["a dog", b"dogs"], object), (2, 5)),
        (tf.constant([["a", "b"], ["c", "dogs"], ["e", "f"]]), (3, 2, 5)),
        ([], (0, 5)),
    ],
)
def test_every_kind_of_input(texts, shape):
    tokenizer = WordPieceTokenizer(VOCABULARY, sequence_length=5)
    outputs = tokenizer.tokenize_and_pad(texts)
    assert outputs["token_ids"].shape == outputs["padding_mask"].shape == shape
    assert keras.backend.standardize_dtype(outputs["token_ids"].dtype) == "int32"
    # The mask covers [CLS] and the pieces, and nothing else, since no piece here has id 0.
    np.testing.assert_array_equal(
        np.asarray(outputs["padding_mask"]), np.asarray(outputs["token_ids"]) != 0
    )


def test_mask_counts_pieces_even_where_a_word_has_the_padding_id():
    tokenizer = WordPieceTokenizer(["a", "[CLS]"], sequence_length=4)
    outputs = tokenizer.tokenize_and_pad("a a")
    np.testing.assert_array_equal(np.asarray(outputs["token_ids"]), [1, 0, 0, 0])
    np.testing.assert_array_equal(np.asarray(outputs["padding_mask"]), [True, True, True, False])


def test_a_new_vocabulary_or_length_takes_effect():
    tokenizer = WordPieceTokenizer(VOCABULARY, sequence_length=4)
    np.testing.assert_array_equal(np.asarray(tokenizer(["a dog"])), [[2, 3, 4, 0]])
    tokenizer.set_vocabulary(["[CLS]", "dog", "a", "[UNK]"])
    np.testing.assert_array_equal(np.asarray(tokenizer(["a dog"])), [[0, 2, 1, 0]])
    tokenizer.sequence_length = 2
    np.testing.assert_array_equal(np.asarray(tokenizer(["a dog"])), [[0, 2]])


@pytest.mark.parametrize("texts", [3, [1, 2], np.zeros((2, 3)), [None], ["a", 3]])
def test_other_types_than_strings_raise(texts):
    with pytest.raises(TypeError, match="must be a string, a list of strings"):
        WordPieceTokenizer(VOCABULARY)(texts)


@pytest.mark.parametrize(
    "vocabulary, message",
    [
        ([], "vocabulary is empty"),
        (["[PAD]", "a"], r"lacks '\[CLS\]'"),
        (["[CLS]", "a", "b", "a"], "holds 'a' twice, at index 1 and 3"),
        (["[CLS]", "", "a"], "empty entry at index 1"),
    ],
)
def test_vocabulary_errors(vocabulary, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(vocabulary)
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in vocabulary))
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(path)


@pytest.mark.parametrize("text", ["[CLS]\na\ndog", "[CLS]\na\ndog\n\n", "[CLS]\r\na\r\ndog\r\n"])
def test_vocabulary_file_ends_and_line_ends_do_not_matter(text, tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(text.encode())
    assert WordPieceTokenizer(path).get_vocabulary() == ["[CLS]", "a", "dog", "[UNK]"]


def test_no_vocabulary_is_a_clear_error():
    with pytest.raises(ValueError, match="No vocabulary has been set"):
        WordPieceTokenizer()("a dog")


def test_ragged_tokenizer_cannot_pad():
    with pytest.raises(ValueError, match="sequence_length=None"):
        WordPieceTokenizer(VOCABULARY, sequence_length=None).tokenize_and_pad("a dog")


def test_config_round_trip():
    tokenizer = WordPieceTokenizer(VOCABULARY, sequence_length=9, name="tokenizer")
    config = keras.saving.serialize_keras_object(tokenizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is WordPieceTokenizer
    assert copy.get_config() == tokenizer.get_config()


def test_a_saved_config_cannot_read_files():
    config = keras.saving.serialize_keras_object(WordPieceTokenizer(VOCABULARY))
    config["config"]["vocabulary"] = "/etc/passwd"
    with pytest.raises((TypeError, ValueError), match="safe_mode"):
        keras.saving.deserialize_keras_object(config, safe_mode=True)
