"""Texts -> texts per second of our tokenizers inside tf.data, on one core, and ratios to others.

The texts are 8,000 pairs of prompts with ImageNet's class names, 10.3 words on average, about as
long as captions of COCO, in batches of 1,024. WordPiece is compared with
`tensorflow_text.BertTokenizer`, which the original code calls, and with Hugging Face's
`tokenizers`; SentencePiece with Google's `sentencepiece`.

Usage: python -m benchmarks.tokenization [--rounds 7] [--vocabulary vocab.txt]
"""

import argparse
import io

from benchmarks import measure

LENGTH = 16
BATCH_SIZE = 1024
REPEATS = 4  # of all texts in a measurement
CONTENDERS = {
    "WordPiece": ("ours", "tf_text.BertTokenizer", "tokenizers"),
    "SentencePiece": ("ours", "sentencepiece"),
}


def make_texts():
    from keras_lit.evaluation import benchmarks, prompt_templates, verbatim_texts

    names, templates = benchmarks["imagenet"].class_names, prompt_templates("clip_best")
    prompts = [text for texts in verbatim_texts(names, templates) for text in texts]
    half = len(prompts) // 2
    others = prompts[half:] + prompts[:half]
    return [f"{text} {other}" for text, other in zip(prompts, others, strict=True)]


def in_tf_data(texts, tokenize):
    """Returns a function that tokenises all texts, in batches, in a running pipeline."""
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices(texts).batch(BATCH_SIZE).cache().repeat()
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.experimental_optimization.inject_prefetch = False  # or it works between the rounds
    iterator = iter(batches.map(tokenize).with_options(options))
    num_batches = REPEATS * -(-len(texts) // BATCH_SIZE)

    def run():
        for _ in range(num_batches):
            next(iterator)

    return run


def word_piece(name, texts, vocabulary_file):
    """Returns a function that tokenises all texts by WordPiece."""
    import tensorflow as tf
    import tensorflow_text as tf_text
    import tokenizers

    from keras_lit.preprocessing import WordPieceTokenizer, vocabulary_from_captions

    ours = WordPieceTokenizer(vocabulary_file or vocabulary_from_captions(texts), LENGTH)
    vocabulary = ours.get_vocabulary()
    if name == "ours":
        return in_tf_data(texts, ours.tokenize_and_pad)
    if name == "tf_text.BertTokenizer":
        ids = tf.range(len(vocabulary), dtype=tf.int64)
        entries = tf.lookup.KeyValueTensorInitializer(vocabulary, ids)
        table = tf.lookup.StaticVocabularyTable(entries, 1)
        original = tf_text.BertTokenizer(table, lower_case=True)
        return in_tf_data(
            texts,
            lambda batch: (
                original.tokenize(batch).merge_dims(1, 2).to_tensor(shape=(None, LENGTH - 1))
            ),
        )
    peer = tokenizers.BertWordPieceTokenizer(
        {token: index for index, token in enumerate(vocabulary)}, sep_token="[UNK]"
    )
    peer.enable_padding(length=LENGTH)
    peer.enable_truncation(LENGTH)
    return lambda: [peer.encode_batch(texts) for _ in range(REPEATS)]


def sentence_piece(name, texts):
    """Returns a function that tokenises all texts by SentencePiece, of a model of their own."""
    import sentencepiece

    from keras_lit.preprocessing import SentencePieceTokenizer

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=4000,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    if name == "ours":
        return in_tf_data(texts, SentencePieceTokenizer(model.getvalue(), LENGTH).tokenize_and_pad)
    peer = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue(), num_threads=1)
    return lambda: [peer.encode(texts, num_threads=1) for _ in range(REPEATS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--vocabulary", help="WordPiece vocabulary file; default: of the texts")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    texts = make_texts()
    if options.work:
        measure.limit_cores()
        kind, name = options.work
        if kind == "WordPiece":
            run = word_piece(name, texts, options.vocabulary)
        else:
            run = sentence_piece(name, texts)
        measure.serve(run)
        return
    rows, numbers = [], {}
    for kind, names in CONTENDERS.items():
        flags = ["--vocabulary", options.vocabulary] if options.vocabulary else []
        contenders = {
            name: measure.Contender(
                "benchmarks.tokenization",
                ["--work", kind, name, *flags],
                1,
                {"TOKENIZERS_PARALLELISM": "false"},
            )
            for name in names
        }
        times = numbers[kind] = measure.take_turns(contenders, options.rounds, 1)
        for name in names:
            ratio = measure.speed_ratio(times, "ours", name, "cpu")
            speed = REPEATS * len(texts) / measure.summary(t["cpu"] for t in times[name])["median"]
            rows.append([kind, name, f"{speed:,.0f}", measure.ratio_text(ratio)])
    setup = f"{len(texts):,} texts, batches of {BATCH_SIZE:,}, one core, {options.rounds} rounds. "
    setup += measure.describe_machine("tensorflow-text", "tokenizers", "sentencepiece")
    table = measure.table(["", "", "texts per CPU second", "our speed / this"], rows)
    measure.write_results("tokenization", "Tokenisation", setup, [table], numbers)


if __name__ == "__main__":
    main()
