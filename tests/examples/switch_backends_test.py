"""The example that runs under every backend prints the curves that its folder holds."""

import json

import keras

from tests.run_example import run_example


def test_curves_are_printed_side_by_side(tmp_path, capsys):
    (tmp_path / "another_2.json").write_text(json.dumps([1.0, 2.0]))
    run_example("switch_backends", f"--folder={tmp_path}", "--num_steps=2")
    lines = capsys.readouterr().out.splitlines()
    mine = f"{keras.config.backend()}_1"
    header = next(number for number, line in enumerate(lines) if line.startswith("step"))
    assert lines[header].split() == ["step", "another_2", mine]
    losses = json.loads((tmp_path / f"{mine}.json").read_text())
    assert len(losses) == 2 and losses[0] != losses[1]
    assert lines[header + 1].split() == ["0", "1.000000", f"{losses[0]:.6f}"]
    assert lines[-1].startswith("Largest difference between runs")
