"""Captions -> a small WordPiece vocabulary, the same in every process; does a vocabulary fit?"""

import collections

import tensorflow as tf
import tokenizers

from keras_lit.preprocessing.packing import as_string_tensor
from keras_lit.preprocessing.words import split_words

_SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]"]
_BATCH_SIZE = 4096


def vocabulary_from_captions(captions, vocabulary_size=8192, min_frequency=2):
    """Learns the WordPiece vocabulary of captions, for `WordPieceTokenizer`.

    Args:
        captions: iterable of strings, or a dataset of string tensors (single or batched).
        vocabulary_size: int. The most tokens to return. Special tokens and single characters are
            always kept, so a smaller number is exceeded.
        min_frequency: int. How often two pieces must meet to be merged into one.

    Returns:
        List of strings: `[PAD]`, `[UNK]`, `[CLS]`, the characters in sorted order, then the
        merged pieces from the most to the least useful.

    Raises:
        ValueError: if `captions` is one string, or holds no word.

    Example:

    ```python
    import keras_lit

    vocabulary = keras_lit.preprocessing.vocabulary_from_captions(["a dog", "two dogs"])
    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(vocabulary)
    ```
    """
    if isinstance(captions, (str, bytes)):
        raise ValueError("captions must be many captions, not one string: give a list.")
    words = _count_words(captions)
    if not words:
        raise ValueError(
            "captions hold no word, so there is no vocabulary to learn: they are all empty, or "
            "nothing was left of them after cleaning."
        )
    first_characters = sorted({character for word in words for character in word})
    later_characters = sorted({f"##{character}" for word in words for character in word[1:]})
    # The trainer numbers `##x` in the order of a hash table, and breaks ties by these numbers:
    # given as special tokens, in sorted order, they are the same in every process.
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=[*_SPECIAL_TOKENS, *first_characters, *later_characters],
        show_progress=False,
    )
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    model.train_from_iterator(
        (" ".join([word] * count) for word, count in sorted(words.items())), trainer
    )
    token_ids = model.get_vocab()
    return sorted(token_ids, key=token_ids.get)


def check_vocabulary_fits(tokenizer, num_embeddings):
    """Raises if a tokenizer makes ids for which an embedding table has no row.

    Such ids would train to wrong numbers on JAX, without a word.

    Args:
        tokenizer: tokenizer of this package or of `keras_hub`.
        num_embeddings: int. Rows of the table.

    Raises:
        ValueError: names both sizes.
    """
    size = tokenizer.vocabulary_size()
    # T5's vocabularies end in pieces such as `<extra_id_0>` that no text gives.
    beyond = [tokenizer.id_to_token(token_id) for token_id in range(num_embeddings, size)]
    if any("extra_id" not in piece for piece in beyond):
        raise ValueError(
            f"The tokenizer has a vocabulary of {size:,} and the text tower {num_embeddings:,} "
            f"token embeddings, so that tokens such as {beyond[0]!r} have none. Build the "
            "backbone with `vocabulary_size=tokenizer.vocabulary_size()`, or take its tokenizer."
        )


def _count_words(captions):
    words = collections.Counter()
    batch = []
    for caption in captions:
        batch.append(tf.reshape(as_string_tensor(caption), [-1]))
        if len(batch) == _BATCH_SIZE:
            words.update(_words(batch))
            batch = []
    if batch:
        words.update(_words(batch))
    return words


def _words(batch):
    words = split_words(tf.concat(batch, axis=0))
    return [word.decode() for word in words.flat_values.numpy()]
