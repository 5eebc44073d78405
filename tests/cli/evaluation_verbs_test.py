"""`keras-lit evaluate`, `classify` and `search` on real files; help and exit codes of all verbs."""

import csv
import pathlib

import keras
import pytest

import keras_lit
from keras_lit.cli import main
from keras_lit.evaluation import ZeroShotClassifier, benchmarks
from tests.evaluation import benchmark_cases as cases


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", *map(str, arguments)])
    return stopped.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a preset, photos, and the data of two benchmarks."""
    folder = tmp_path_factory.mktemp("verbs")
    cases.lit_model().save_to_preset(folder / "preset")
    cases.write_pictures(folder)
    (folder / "photos" / "more").mkdir(parents=True)
    for label in range(10):
        place = folder / "photos" / ("more" if label % 2 else "") / f"{label}.png"
        keras.utils.save_img(place, cases.picture(label, 0), scale=False)
    return folder


@pytest.fixture
def model(monkeypatch):
    """The preset's model, loaded already."""
    model = cases.lit_model()
    monkeypatch.setattr(keras_lit.LiTModel, "from_preset", lambda *args, **kwargs: model)
    return model


def test_evaluate_reports_what_it_can(folder, monkeypatch, capsys):
    monkeypatch.setitem(benchmarks, "colors", cases.ZERO_SHOT)
    monkeypatch.setitem(benchmarks, "captioned", cases.RETRIEVAL)
    log = folder / "log.csv"
    log.write_text("epoch,loss\n0,2.0\n1,1.5\n")
    report = folder / "out" / "report.html"
    arguments = (folder / "preset", f"--report={report}", f"--data_dir={folder}", "--batch_size=1")
    flags = (f"--training_log={log}", "--data=five colors", "--recipe=none at all")
    assert run("evaluate", *arguments, "--benchmarks=colors,captioned", *flags) == 0
    printed = capsys.readouterr().out
    assert "Ten colors: 20 pictures" in printed and f"Written to {report}" in printed
    with open(report.with_suffix(".csv")) as file:
        rows = list(csv.DictReader(file))
    assert {row["benchmark"] for row in rows} == {"colors", "captioned"}
    assert f"{100 * float(rows[0]['value']):.1f} %" in printed
    written = report.read_text()
    assert "Learning curves" in written
    assert "data: five colors" in written and "recipe: none at all" in written
    # Of two benchmarks one cannot be had: the other is reported, and the exit code says so.
    assert run("evaluate", *arguments, "--benchmarks=colors,flickr30k") == 1
    printed = capsys.readouterr()
    assert "no data for flickr30k" in printed.err and "retrieval_annotations" in printed.err
    assert "Ten colors: 20 pictures" in printed.out


def test_classify_prints_the_classifiers_answers(folder, model, capsys):
    paths = [str(folder / "photos" / name) for name in ("0.png", "2.png")]
    classes = ["cat", "dog", "ship"]
    flags = (f"--classes={', '.join(classes)}", "--templates=class_name_only", "--top=2")
    assert run("classify", folder / "preset", *paths, *flags) == 0
    lines = capsys.readouterr().out.splitlines()[-2:]
    expected = ZeroShotClassifier(model, classes, ["{}"]).predict(paths)
    for line, path, row in zip(lines, paths, expected, strict=True):
        best, second = (-row).argsort()[:2]
        assert line.startswith(path)
        assert f"{classes[best]} {row[best]:.1%}  {classes[second]} {row[second]:.1%}" in line
    assert run("classify", folder / "preset", folder / "none.png", flags[0]) == 1
    assert "none.png" in capsys.readouterr().err


def test_search_embeds_a_folder_once(folder, model, capsys, monkeypatch):
    encoded = []
    encode_images = keras_lit.LiTModel.encode_images

    def counting(self, images, **kwargs):
        encoded.append(len(images))
        return encode_images(self, images, **kwargs)

    monkeypatch.setattr(keras_lit.LiTModel, "encode_images", counting)
    (folder / "photos" / "broken.jpg").write_bytes(b"no picture")
    flags = (f"--store={folder / 'store'}", f"--output={folder / 'matches.png'}", "--num_matches=3")
    arguments = ("search", folder / "preset", folder / "photos", "cat", *flags)
    assert run(*arguments) == 0
    first = capsys.readouterr().out
    assert "10 pictures searched" in first and "broken.jpg" in first
    paths = sorted((folder / "photos").rglob("*.png"))
    similarities = encode_images(model, paths) @ model.encode_texts(["cat"])[0]
    best = paths[similarities.argmax()]
    assert next(line for line in first.splitlines() if ".png" in line).endswith(str(best))
    assert (folder / "matches.png").read_bytes().startswith(b"\x89PNG")
    # The same search reads what is stored; a new picture is embedded alone.
    keras.utils.save_img(folder / "photos" / "new.png", cases.picture(3, 1), scale=False)
    assert run(*arguments) == 0
    assert encoded == [10, 1]
    assert "11 pictures searched" in capsys.readouterr().out


def test_search_needs_pictures(folder, model, tmp_path, capsys):
    preset, flags = folder / "preset", [f"--store={tmp_path / 'store'}"]
    assert run("search", preset, tmp_path, "cat", *flags) == 1
    assert "has no pictures" in capsys.readouterr().err
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert run("search", preset, tmp_path, "cat", *flags) == 1
    assert "no picture that can be read" in capsys.readouterr().err
    assert run("search", preset, tmp_path / "none", "cat", *flags) == 1
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_has_help_with_an_example(verb, capsys):
    assert run(verb, "--help") == 0
    printed = capsys.readouterr().out
    assert f"\n  keras-lit {verb}" in printed and "Example" in printed
    assert run(verb, "--no_such_flag") == 2
    assert f"keras-lit {verb} --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "preset"], "takes PRESET and --benchmarks"),
        (["evaluate", "preset", "--benchmarks=mnist"], "Unknown benchmark 'mnist'. Known are"),
        (["classify", "preset", "a.png"], "--classes with at least two names"),
        (["classify", "preset", "a.png", "--classes=cat,cat"], "described by the same text"),
        (["search", "preset", "photos"], 'takes PRESET FOLDER "TEXT"'),
        (["search", "preset", "photos", " "], 'takes PRESET FOLDER "TEXT"'),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "classify", "search"])
def test_a_preset_that_is_not_there(verb, tmp_path, capsys):
    arguments = {
        "evaluate": ["--benchmarks=cifar10", f"--report={tmp_path / 'r.html'}"],
        "classify": ["a.png", "--classes=cat,dog"],
        "search": [str(pathlib.Path(__file__).parent), "cat"],
    }
    assert run(verb, tmp_path / "none", *arguments[verb]) == 1
    assert "Cannot load the preset" in capsys.readouterr().err
