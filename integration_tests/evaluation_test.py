"""The demo's model through `keras-lit evaluate`, `classify` and `search`, on real emojis."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_lit.cli import main


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", *map(str, arguments)])
    return stopped.value.code


def test_the_demos_model_is_evaluated_classifies_and_searches(demo_folder, tmp_path, capsys):
    preset = demo_folder / "lit_emoji"
    report = tmp_path / "report.html"
    lines = map(str.strip, (demo_folder / "output.txt").read_text().splitlines())
    (evaluate,) = (line.split()[1:] for line in lines if line.startswith("keras-lit evaluate"))
    assert run(*evaluate, f"--report={report}") == 0
    written = json.loads(report.with_suffix(".json").read_text())
    with np.load(demo_folder / "answers.npz") as answers:
        assert written["images"] == {"emoji_names": len(answers["images"])}
        for number in range(6):
            Image.fromarray(answers["images"][number]).save(tmp_path / f"{number}.png")
    assert "best and worst retrievals" in report.read_text()
    assert run("classify", preset, tmp_path / "0.png", "--classes=animal,food") == 0
    flags = (f"--store={tmp_path / 'store'}", f"--output={tmp_path / 'matches.png'}")
    assert run("search", preset, tmp_path, "a red fruit", *flags) == 0
    assert "6 pictures searched" in capsys.readouterr().out
