"""The example that evaluates a preset, on real files; how examples run is in the other tests."""

import pytest
from absl import app

import keras_lit
from keras_lit.evaluation import benchmarks
from tests.evaluation import benchmark_cases as cases
from tests.run_example import run_example


def test_evaluate_preset(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(benchmarks, "colors", cases.ZERO_SHOT)
    monkeypatch.setattr(keras_lit.LiTModel, "from_preset", lambda preset: cases.lit_model())
    cases.write_pictures(tmp_path)
    flags = (f"--data_dir={tmp_path}", "--templates=clip_7", f"--output={tmp_path / 'out'}")
    run_example("evaluate_preset", *flags, "--benchmarks=colors,flickr")
    printed = capsys.readouterr().out
    assert "| colors | zero_shot_accuracy@1 |" in printed and "flickr: " in printed
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(app.UsageError, match="can the data be had"):
        run_example("evaluate_preset", *flags, "--benchmarks=flickr")
