"""The page of reports: complete, self-contained, and safe whatever the names are."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from capstone.gradcheck import Op, check
from capstone.gradcheck.page import make_page
from unit.gradcheck.samples import draw, product_bwd, product_fwd

INPUTS = (draw(3, 4), draw(3, 4, seed=1))
RIGHT = check(Op(product_fwd, product_bwd, name="product"), *INPUTS).to_dict()
WRONG = check(
    Op(product_fwd, lambda dy, s: (dy * s[1], 2 * dy * s[0]), name="twice"), *INPUTS
).to_dict()


class Outline(HTMLParser):
    """Tags with their attributes, in order; text outside of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.stack = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag != "option" or self.stack[-1] == "option":
            assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.words += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def headline(page):
    return re.search(r"<h1>.*?</h1>", page)[0]


@pytest.mark.parametrize(
    ("checks", "words", "kind"),
    [
        ([RIGHT], "1 check right", "good"),
        ([RIGHT, RIGHT], "2 checks right", "good"),
        ([RIGHT, WRONG], "1 of 2 checks wrong", "bad"),
        ([], "nothing was checked", "bad"),
        ([{**RIGHT, "missed": ["a sign"]}], "1 of 1 check wrong", "bad"),
    ],
)
def test_the_headline_is_the_verdict(checks, words, kind):
    assert f'<span class="{kind}">{words}</span>' in headline(make_page(checks))


def test_each_check_has_a_row_that_leads_to_its_section():
    outline = Outline(make_page([RIGHT, WRONG]))
    links = [a["href"] for a in outline.of("a")]
    assert links == [f"#{details['id']}" for details in outline.of("details")]
    assert [row["data-ok"] for row in outline.of("tr") if "data-ok" in row] == ["true", "false"]


def test_seconds_are_shown_as_people_say_them():
    assert ">0.12</td>" in make_page([{**RIGHT, "seconds": 0.123}])


def test_only_what_is_wrong_is_open():
    assert ["open" in details for details in Outline(make_page([RIGHT, WRONG])).of("details")] == [
        False,
        True,
    ]


def test_the_page_asks_the_network_for_nothing():
    page = make_page([RIGHT, WRONG], run={"seed": 0})
    assert "://" not in page
    outline = Outline(page)
    assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in outline.tags}
    assert not any("src" in attributes for _, attributes in outline.tags)
    assert any("default-src 'none'" in meta.get("content", "") for meta in outline.of("meta"))


NASTY = "</script><script>alert(1)</script>\"'&\x00\x1b\ud800" + "n" * 500


@pytest.mark.parametrize("where", ["name", "text", "test", "argument", "missed", "run"])
def test_every_string_is_escaped(where):
    argument = {**WRONG["arguments"][0], **({"name": NASTY} if where == "argument" else {})}
    whole = {**WRONG, "arguments": [argument, *WRONG["arguments"][1:]], "test": "t"}
    if where in ("name", "text", "test"):
        whole[where] = NASTY
    if where == "missed":
        whole["missed"] = [NASTY]
    page = make_page([whole], run={NASTY: NASTY} if where == "run" else {})
    page.encode()
    assert len(Outline(page).of("script")) == 1
    assert "\x00" not in page
    assert "alert(1)</script>" in Outline(page).words


def test_what_went_wrong_with_the_run_stands_out():
    page = make_page([RIGHT], run={"failed": 1, "errors": 0, "exit_status": 1, "selection": []})
    assert '<span class="bad">failed 1</span>' in page
    assert '<span class="">errors 0</span>' in page
    assert "selection" not in page


def test_numbers_that_are_missing_are_dashes():
    lost = {**WRONG["arguments"][0], "norm_error": None}
    page = make_page([{**WRONG, "arguments": [lost]}])
    assert '<td class="number" data-key="-1">-</td>' in page


def test_a_report_writes_its_own_page(tmp_path):
    report = check(Op(product_fwd, product_bwd, name="product"), *INPUTS)
    report.to_html(tmp_path / "page.html")
    assert "product" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 5), (60, 50)])
def test_a_wrong_gradient_of_any_shape_has_its_pictures(shape):
    report = check(np.sin, draw(*shape), backward=lambda dy, x: 2 * dy * np.cos(x))
    outline = Outline(make_page([report.to_dict()]))
    labels = [svg["aria-label"] for svg in outline.of("svg")]
    assert labels[1:] == [
        "errors of the entries",
        "distance from central differences by their step",
    ]
