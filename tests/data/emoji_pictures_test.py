import numpy as np
import pytest

from keras_lit.data import emoji_pictures

pytestmark = pytest.mark.any_backend

DOG = "1F436"


@pytest.mark.parametrize("style", emoji_pictures.STYLES)
def test_pictures_fill_a_white_canvas(style):
    picture = emoji_pictures.draw_emoji(DOG, style)
    assert picture.shape == (72, 72, 3) and picture.dtype == np.uint8
    ink = np.argwhere((picture < 250).any(axis=-1))
    height, width = ink.max(axis=0) - ink.min(axis=0) + 1
    assert 60 <= max(height, width) <= 70
    assert (picture[0] == 255).all() and (picture[:, -1] == 255).all()


def test_line_drawings_have_no_color():
    line = emoji_pictures.draw_emoji(DOG, "openmoji_line").astype(int)
    color = emoji_pictures.draw_emoji(DOG, "openmoji_color").astype(int)
    assert np.ptp(line, axis=-1).max() == 0
    assert np.ptp(color, axis=-1).max() > 100
    # The lines are the same in both: where the drawing is black, so is the coloured picture.
    black = line.mean(axis=-1) < 20
    assert black.sum() > 100 and color[black].mean() < 40


def test_two_drawings_are_the_same_bytes():
    for style in emoji_pictures.STYLES:
        first, second = (emoji_pictures.draw_emoji("1F697", style) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_file_names_with_and_without_presentation_selector():
    for code_points in ("2764-FE0F", "0023-FE0F-20E3", "1F441-FE0F-200D-1F5E8-FE0F"):
        for style in emoji_pictures.STYLES:
            assert emoji_pictures.draw_emoji(code_points, style).min() < 128


def test_bad_input():
    with pytest.raises(ValueError, match="style must be one of.*Received: 'noto'"):
        emoji_pictures.draw_emoji(DOG, "noto")
    with pytest.raises(ValueError, match="No picture named 1F436-1F436"):
        emoji_pictures.draw_emoji("1F436-1F436", "openmoji_color")


def test_flags_have_no_line_drawing():
    assert not emoji_pictures.has_picture("Flags", "openmoji_line")
    assert emoji_pictures.has_picture("Flags", "twemoji")
    assert emoji_pictures.has_picture("Objects", "openmoji_line")
