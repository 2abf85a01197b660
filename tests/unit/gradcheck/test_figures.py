"""Pictures of errors: labels name the right entries, colors tell right from wrong."""

import re
from xml.etree import ElementTree

import pytest

from capstone.gradcheck.figures import curve, heat_map, legend, text_of


def texts(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter("text")]


def titles(svg):
    return [title.text for title in ElementTree.fromstring(svg).iter("title")]


def test_an_entry_above_its_allowance_is_framed_and_named():
    svg = heat_map([[-3.0, 2.0], [None, -1.0]], (2, 2))
    assert titles(svg) == ["[0, 1] 1e+2.0 x allowed"]


def test_rows_are_labeled_by_all_leading_axes():
    rows = [[-1.0] * 5 for _ in range(6)]
    assert texts(heat_map(rows, (2, 3, 5)))[5:] == ["0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]


def test_folded_axes_are_labeled_by_their_first_entries():
    rows = [[-1.0] * 24 for _ in range(24)]
    labels = texts(heat_map(rows, (48, 240)))
    assert labels[:8] == ["0", "30", "60", "90", "120", "150", "180", "210"]
    assert labels[8:10] == ["0", "4"]


def test_a_wrong_entry_of_a_folded_picture_has_the_index_of_its_cell():
    rows = [[-1.0] * 24 for _ in range(24)]
    rows[3][2] = 1.0
    assert titles(heat_map(rows, (48, 240))) == ["[6, 20] 1e+1.0 x allowed"]


@pytest.mark.parametrize(("shape", "where"), [((), "0"), ((1,), "0"), ((1, 1), "0, 0")])
def test_single_entries_have_a_picture(shape, where):
    assert titles(heat_map([[3.0]], shape)) == [f"[{where}] 1e+3.0 x allowed"]


def test_right_and_wrong_have_different_hues():
    hues = re.findall(r"hsl\((\d+)", heat_map([[-4.0, 4.0]], (2,)))
    assert hues == ["212", "8"]


def test_the_legend_covers_both_sides():
    assert [texts(legend())[i] for i in (0, 5, 10)] == ["1e-5", "1", "1e+5"]


def test_a_curve_names_its_axes_and_the_error():
    points = [(10.0**k, 10.0 ** abs(k + 5)) for k in range(-10, 0)]
    words = texts(curve(points, 100.0))
    assert {"step of the central difference", "|analytic - difference|", "error 1.0e+02"} <= {
        *words
    }
    assert {"1e-10", "1e-2", "1e0"} <= {*words}


@pytest.mark.parametrize("points", [[], [(1e-3, 0.0), (1e-2, 0.0)], [(1e-3, 1.0)]])
def test_too_few_points_make_no_curve(points):
    assert curve(points, 1.0) == ""


@pytest.mark.parametrize("error", [None, 0.0, 1e9])
def test_an_error_off_the_picture_has_no_line(error):
    assert "error" not in curve([(1e-3, 1.0), (1e-2, 2.0)], error)


def test_a_level_curve_stays_inside():
    svg = curve([(1e-3, 1.0), (1e-2, 1.0)], 1.0)
    (line,) = re.findall(r'points="([^"]*)"', svg)
    assert all(0 < float(number) < 420 for number in re.split("[ ,]", line))


def test_text_is_escaped_and_printable():
    assert text_of("<a\x00b>") == "&lt;a\N{REPLACEMENT CHARACTER}b&gt;"
