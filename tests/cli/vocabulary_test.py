"""`keras-lit vocabulary`: captions of a data set -> a file that tokenizers take."""

import pytest

from keras_lit.cli import main
from keras_lit.preprocessing import WordPieceTokenizer


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "vocabulary", *map(str, arguments)])
    return stopped.value.code


def test_learns_from_cleaned_captions_without_looking_at_pictures(tmp_path, capsys):
    data = tmp_path / "captions.tsv"
    lines = ["0.png\t<b>two dogs</b>", "1.png\tdogs &amp; Hunde", "2.png\t狗 dogs https://a.b/c"]
    data.write_text("\n".join(lines) + "\n")
    output = tmp_path / "folder" / "vocabulary.txt"
    assert run(data, "--size=60", f"--output={output}") == 0
    printed = capsys.readouterr().out
    tokenizer = WordPieceTokenizer(str(output), sequence_length=None)
    assert f"{tokenizer.vocabulary_size()} tokens" in printed
    assert all(1 not in pieces for pieces in tokenizer(["two dogs", "hunde", "狗"]))
    pieces = tokenizer.get_vocabulary()
    assert "dogs" in pieces and "狗" in pieces and "<" not in pieces and "/" not in pieces


def test_failures_and_wrong_usage(tmp_path, capsys):
    data = tmp_path / "captions.tsv"
    data.write_text("0.png\t<br>\n1.png\thttps://a.b/c\n")
    assert run(data, f"--output={tmp_path / 'vocabulary.txt'}") == 1
    assert "hold no word" in capsys.readouterr().err
    assert not (tmp_path / "vocabulary.txt").exists()
    assert run() == 2 and run(data, "--size=0") == 2
