import json
import xml.etree.ElementTree as ElementTree

import pytest

from capstone.badges.draw import GREEN, GREY, HEX, RED, Badge

SVG = "{http://www.w3.org/2000/svg}"


def test_the_endpoint_gets_the_five_fields_it_needs():
    assert json.loads(Badge("oracle", "273 agree", GREEN).to_json()) == {
        "schemaVersion": 1,
        "label": "oracle",
        "message": "273 agree",
        "color": "brightgreen",
        "isError": False,
    }


@pytest.mark.parametrize("color", [RED, GREY])
def test_a_badge_that_is_not_green_is_an_error_to_the_endpoint(color):
    assert json.loads(Badge("oracle", "failing", color).to_json())["isError"] is True


@pytest.mark.parametrize("color", [GREEN, RED, GREY])
def test_the_picture_is_colored_by_its_outcome(color):
    root = ElementTree.fromstring(Badge("oracle", "failing", color).to_svg())
    assert [rect.get("fill") for rect in root.iter(f"{SVG}rect")][-1] == HEX[color]


def test_the_picture_can_be_read_without_seeing_it():
    root = ElementTree.fromstring(Badge("oracle", "273 agree", GREEN).to_svg())
    assert root.get("aria-label") == "oracle: 273 agree" == root.findtext(f"{SVG}title")


def test_texts_are_fitted_into_their_halves():
    root = ElementTree.fromstring(Badge("oracle", "273 agree", GREEN).to_svg())
    left, right = (float(rect.get("width")) for rect in list(root.iter(f"{SVG}rect"))[1:])
    assert left + right == float(root.get("width"))
    for text, width in zip(root.iter(f"{SVG}text"), (left, right), strict=True):
        assert float(text.get("textLength")) < width


def test_markup_in_a_message_stays_text():
    root = ElementTree.fromstring(Badge("a<b", '"&"', RED).to_svg())
    assert [text.text for text in root.iter(f"{SVG}text")] == ["a<b", '"&"']
