"""The report: one file that fetches nothing, says what it was given, and is never half written."""

import html.parser
import io
import json
import subprocess
import sys

import numpy as np
import pytest

from keras_lit.evaluation import report_figures, report_sections
from keras_lit.evaluation.report import write_report

pytestmark = pytest.mark.any_backend

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype("uint8")
NASTY = 'a "quoted" <b>&</b>'


class Page(html.parser.HTMLParser):
    """Collects texts and attributes, and notices tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open_tags, self.texts, self.images, self.addresses = [], [], [], []
        self.feed(text)
        assert not self.open_tags

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in ("meta", "img", "source"):
            self.open_tags.append(tag)
        if tag == "img":
            self.images.append(attrs)
        self.addresses += [attrs[name] for name in ("src", "srcset", "href") if name in attrs]

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def sections():
    steps = [0, 10, 20]
    return [
        report_sections.key_figures([("66 %", NASTY, "chance 12.5 %")]),
        report_sections.metrics_table(
            "Scores",
            NASTY,
            [(NASTY, {"ours": 0.661, "random": 0.2}, 0.125)],
            ["ours", "random", "x"],
        ),
        report_sections.learning_curve(
            "Curve",
            "",
            [
                {"title": "loss", "curves": {"tuning": (steps, [3, 2, 1])}},
                {"title": NASTY, "curves": {"validation": (steps, [0, 0.1, 0.2])}, "chance": 0.1},
            ],
        ),
        report_sections.zero_shot_gallery(
            "Guesses",
            NASTY,
            [
                {
                    "picture": PICTURE,
                    "name": NASTY,
                    "label": "cat",
                    "guesses": [("dog", 0.75), ("cat", 0.25)],
                }
            ],
        ),
        report_sections.text_query_gallery(
            "Queries",
            "",
            [{"text": NASTY, "pictures": [PICTURE] * 2, "names": ["x", NASTY], "correct": [1, 0]}],
        ),
        report_sections.confusion_section("Confusion", "", [[3, 1], [0, 0]], ["cat", NASTY]),
        report_sections.notes_section(
            "Notes", [NASTY, ("CC-BY 4.0", "https://example.org/?a=1&b")]
        ),
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    path = write_report(folder, NASTY, NASTY, sections(), {"recall": 0.3}, {"recall": 0.1})
    return Page(path.read_text(encoding="utf-8"))


def test_report_is_well_formed_and_says_what_it_was_given(page):
    texts = " ".join(page.texts)
    # Title twice, summary, and each place above that shows it as text.
    assert texts.count(NASTY) >= 9
    for expected in ("66.1\u00a0%", "12.5\u00a0%", "–", "75\u00a0%", "cat ✓", "1 of 2 correct"):
        assert expected in texts


def test_report_fetches_nothing(page):
    links = [address for address in page.addresses if not address.startswith("data:image/png;")]
    assert links == ["https://example.org/?a=1&b"]


def test_every_picture_says_what_it_shows(page):
    texts = [image["alt"] for image in page.images]
    assert len(texts) == 6 and all(texts)
    assert "loss: tuning ends at 1" in texts
    assert f"{NASTY} (not what was asked for)" in texts
    assert any("cat: 3 of 4" in text for text in texts)


@pytest.mark.parametrize("dark", [False, True])
def test_figures_are_png_on_the_ground_of_the_page(dark):
    from matplotlib import colors, image

    panel = {"title": "loss", "curves": {"a": ([0, 1], [1, 2])}}
    for png in (
        report_figures.draw_curves(panel, dark=dark),
        report_figures.draw_confusion_matrix(np.eye(25, dtype=int), ["c"] * 25, dark=dark),
    ):
        assert png.startswith(b"\x89PNG")
        corner = image.imread(io.BytesIO(png))[0, 0, :3]
        expected = "#1c1f25" if dark else "#ffffff"
        np.testing.assert_allclose(corner, colors.to_rgb(expected), atol=0.01)


def test_matches_are_drawn():
    from matplotlib import image

    red = np.zeros((9, 7, 3), "uint8") + np.array([255, 0, 0], "uint8")
    drawn = report_figures.draw_matches("red", [red] * 5, ["5 pictures"] * 5)
    pixels = image.imread(io.BytesIO(drawn))[..., :3]
    assert (pixels == (1, 0, 0)).all(axis=-1).mean() > 0.2


def test_thumbnails_keep_the_shape():
    assert report_figures.thumbnail(np.zeros((40, 20, 3), "uint8"), side=10).shape == (10, 5, 3)
    assert report_figures.thumbnail(PICTURE).shape == PICTURE.shape


def test_metrics_are_flat_numbers_and_chance_levels(tmp_path):
    write_report(tmp_path, "t", "s", [], {"recall": 0.3, "steps": 240}, {"recall": 0.1})
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == {"recall": 0.3, "steps": 240, "chance": {"recall": 0.1}}


@pytest.mark.parametrize(
    "metrics, chance, message",
    [
        ({"recall": float("nan")}, {}, r"`metrics\['recall'\]` must be a finite Python number"),
        ({"recall": "high"}, {}, "received 'high'"),
        ({"recall": 1.0}, {"accuracy": 0.5}, r"`chance` has \['accuracy'\], which are not"),
        ({"recall": 1.0}, {"recall": None}, r"`chance\['recall'\]` must be a finite"),
        ({"chance": 1.0}, {}, 'has a "chance"'),
    ],
)
def test_bad_metrics_leave_an_older_report_alone(tmp_path, metrics, chance, message):
    write_report(tmp_path, "old", "", [], {"recall": 0.5}, {})
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path, "new", "", [], metrics, chance)
    assert json.loads((tmp_path / "metrics.json").read_text())["recall"] == 0.5
    assert "old" in (tmp_path / "report.html").read_text()


def test_a_write_that_fails_leaves_the_older_report_and_no_litter(tmp_path, monkeypatch):
    write_report(tmp_path, "old", "", [], {"recall": 0.5}, {})

    def refuse(source, target):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, "new", "", [], {"recall": 0.9}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "report.html"]
    assert json.loads((tmp_path / "metrics.json").read_text())["recall"] == 0.5


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileExistsError, match="taken"):
        write_report(tmp_path / "taken", "t", "s", [], {}, {})


@pytest.mark.parametrize("picture", [PICTURE / 255, PICTURE[..., 0], PICTURE[..., :2]])
def test_bad_pictures_are_named(picture):
    with pytest.raises(ValueError, match="must be uint8 of shape"):
        report_figures.encode_png(picture)


@pytest.mark.parametrize(
    "module, draw, argument",
    [
        ("matplotlib", report_figures.draw_curves, {"title": "", "curves": {}}),
        ("PIL", report_figures.encode_png, PICTURE),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, module, draw, argument):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'keras-lit\[demo\]'"):
        draw(argument)


def test_the_report_can_be_imported_without_the_extra():
    code = "import sys; sys.modules['matplotlib'] = sys.modules['PIL'] = None\n"
    code += "import keras_lit.evaluation.report, keras_lit.evaluation.report_sections"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
