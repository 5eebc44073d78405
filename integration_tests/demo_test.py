"""`keras-lit demo` on a tiny budget: what it writes, that it resumes, how it fails."""

import json
import subprocess
import sys

import numpy as np
import pytest

import keras_lit
from integration_tests.conftest import run_cli
from keras_lit.cli import main

STYLES = ("twemoji", "openmoji_color", "openmoji_line")
SCORES = ("group_accuracy", "keyword_precision@5", "name_recall@10", "picture_recall@10")


def test_metrics_report_and_screen_show_the_same_numbers(demo_folder):
    metrics = json.loads((demo_folder / "metrics.json").read_text())
    report = (demo_folder / "report.html").read_text()
    screen = (demo_folder / "output.txt").read_text()
    chance = metrics.pop("chance")
    scored = {
        f"{prefix}{s}/{n}" for prefix in ("", "random_tower/") for s in STYLES for n in SCORES
    }
    assert set(chance) == scored
    assert scored < set(metrics)
    for name in scored:
        assert 0 <= metrics[name] <= 1 and 0 < chance[name] < 0.2
        assert f"{100 * metrics[name]:.1f}" in screen
        assert f"{100 * metrics[name]:.1f}" in report
    assert metrics["other_backend_difference"] < 1e-5
    for licence in ("CC-BY-4.0", "CC-BY-SA-4.0"):
        assert licence in report
    assert "http" not in report.split("<body>")[0], "the report must be self-contained"


def test_what_the_demo_says_to_do_next_works(demo_folder):
    lines = (demo_folder / "output.txt").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith("in Python:"))
    script = "\n".join(line.strip() for line in lines[start + 1 :])
    subprocess.run([sys.executable, "-c", script], check=True, cwd=demo_folder)


def test_the_saved_model_classifies(demo_folder):
    model = keras_lit.LiTModel.from_preset(demo_folder / "lit_emoji")
    with np.load(demo_folder / "answers.npz") as answers:
        embeddings = model.encode_images(answers["images"][:5])
        np.testing.assert_allclose(embeddings, answers["image_embeddings"][:5], atol=1e-5)
        classifier = keras_lit.evaluation.ZeroShotClassifier(model, ["animal", "food"])
        probabilities = classifier.predict(answers["images"][:5])
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_killed_demo_went_on_from_the_stored_embeddings(demo_folder):
    manifest = demo_folder / "tuning" / "cache" / "manifest.json"
    assert manifest.stat().st_mtime_ns == int((demo_folder / "killed.txt").read_text())


def test_errors(demo_folder, tmp_path, capsys):
    def fails(*arguments):
        """Runs the command line in this process; returns its exit code and what it says."""
        with pytest.raises(SystemExit) as stopped:
            main.run(["keras-lit", *map(str, arguments)])
        return stopped.value.code, capsys.readouterr().err

    code, message = fails("demo", "--folder", demo_folder, "--num_steps", 7)
    assert code == 1 and "settings" in message
    (tmp_path / "file").write_text("")
    code, message = fails("demo", "--folder", tmp_path / "file")
    assert code == 1 and str(tmp_path / "file") in message
    code, message = fails("demo", "--no_such_flag")
    assert code == 2 and "no_such_flag" in message
    # Through the installed command, once.
    process = run_cli("no_such_verb")
    assert process.returncode == 2 and "demo" in process.stderr
    with pytest.raises(SystemExit, match="0"):
        main.run(["keras-lit", "demo", "--help"])
    screen = capsys.readouterr().out
    assert "--folder" in screen and "Example" in screen
