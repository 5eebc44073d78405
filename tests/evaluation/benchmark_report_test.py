"""The report of benchmarks: four files with the same numbers, pictures, and the paper's row."""

import csv
import json

import numpy as np
import pytest

from keras_lit.evaluation import BenchmarkResult, Report, benchmarks, curves_of_log, model_card
from tests.evaluation import benchmark_cases as cases
from tests.evaluation.report_test import Page

pytestmark = pytest.mark.any_backend


def results(tmp_path):
    """One zero-shot result with the paper's figure, one of few classes, one of retrieval."""
    cases.write_pictures(tmp_path)
    pets = benchmarks["oxford_iiit_pet"]
    confusion = np.diag(np.arange(37)) + np.eye(37, k=3, dtype=int) * 5
    metrics = {"zero_shot_accuracy@1": 0.4321, "zero_shot_balanced_accuracy": 0.5}
    chance = {"zero_shot_accuracy@1": 1 / 37, "zero_shot_balanced_accuracy": 1 / 37}
    queries = [
        {"text": "eine <rote> Katze", "image": 1, "found": [1, 0]},
        {"text": "ein Hund", "image": 3, "found": [2, 4]},
    ]
    return [
        BenchmarkResult(pets, metrics, chance, 3669, 12.0, confusion),
        BenchmarkResult(cases.ZERO_SHOT, metrics, {}, 20, 1.0, np.eye(10, dtype=int)),
        BenchmarkResult(
            cases.RETRIEVAL, {"text_to_image_recall@1": 0.25}, {}, 10, 2.0, queries=queries
        ),
    ]


def test_four_files_show_the_same_numbers(tmp_path):
    curves = {"loss": ([0, 1, 2], [3.0, 2.0, 1.0]), "val_loss": ([1, 2], [3.0, 2.5])}
    card = model_card(cases.lit_model(), preset="my_lit", recipe="<none>")
    report = Report("Mine & <yours>", results(tmp_path), card, curves, data_dir=tmp_path)
    path = report.save(tmp_path / "new" / "report.html")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        f"report.{suffix}" for suffix in ("csv", "html", "json", "md")
    ]
    page = Page(path.read_text(encoding="utf-8"))
    text = " ".join(page.texts)
    for expected in ("Mine & <yours>", "43.2\u00a0%", "83.3\u00a0%", "recipe: <none>", "jax"):
        assert expected in text
    assert "eine <rote> Katze" in text and "1 of 2 correct" in text and "0 of 2 correct" in text
    assert f"{benchmarks['oxford_iiit_pet'].class_names[0]}, taken for" in text
    assert all(address.startswith("data:image/png;") for address in page.addresses)
    # The curves of one chart, the confusion of ten classes, and two times two pictures.
    assert len(page.images) == 6 and all(image["alt"] for image in page.images)

    written = json.loads(path.with_suffix(".json").read_text())
    assert written["results"] == report.rows()
    first = written["results"][0]
    assert first["value"] == 0.4321 and first["reported"]["LiT-L16L"] == 0.833
    assert written["model_card"]["preset"] == "my_lit"
    assert "lit.md" in written["sources_of_reported_figures"]["LiT-L16L"]
    with open(path.with_suffix(".csv")) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and rows[0]["value"] == "0.4321" and rows[0]["LiT-B16B_2"] == "0.833"
    markdown = path.with_suffix(".md").read_text()
    assert "| oxford_iiit_pet | zero_shot_accuracy@1 | 43.2 | 83.3 | 83.3 | 2.7 |" in markdown
    assert "- preset: my_lit" in markdown


def test_bad_results_are_named(tmp_path):
    with pytest.raises(ValueError, match="nothing to report"):
        Report("x", [])
    bad = BenchmarkResult(cases.ZERO_SHOT, {"zero_shot_accuracy@1": float("nan")}, {}, 1, 0.0)
    with pytest.raises(ValueError, match="zero_shot_accuracy@1 = nan on 'colors'"):
        Report("x", [bad])


def test_curves_come_from_the_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,val_loss\n0,2.0,NA\n1,1.5,1.0\n")
    assert curves_of_log(path) == {"loss": ([0, 1], [2.0, 1.5]), "val_loss": ([1], [1.0])}
    path.write_text("step,loss\n0,1\n")
    with pytest.raises(ValueError, match="no column 'epoch'"):
        curves_of_log(path)
