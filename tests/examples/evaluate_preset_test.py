"""The example that evaluates a preset, on real files; how examples run is in the other tests."""

import pytest
from absl import app

from keras_lit.evaluation import benchmarks
from tests.evaluation import benchmark_cases as cases
from tests.examples.import_and_swap_test import run


def test_evaluate_preset(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(benchmarks, "colors", cases.ZERO_SHOT)
    cases.lit_model().save_to_preset(tmp_path / "preset")
    cases.write_pictures(tmp_path)
    flags = (f"--preset={tmp_path / 'preset'}", f"--data_dir={tmp_path}")
    flags = (*flags, "--templates=clip_7", f"--output={tmp_path / 'out'}")
    run("evaluate_preset", *flags, "--benchmarks=colors,flickr")
    printed = capsys.readouterr().out
    assert "| colors | zero_shot_accuracy@1 |" in printed and "flickr: " in printed
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(app.UsageError, match="can the data be had"):
        run("evaluate_preset", *flags, "--benchmarks=flickr")
