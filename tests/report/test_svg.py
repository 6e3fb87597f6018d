"""Figures as files, and as elements of a page."""

import re
from xml.etree import ElementTree as ET

import pytest

from surehand.report._style import PALETTE, plot, style
from surehand.report._svg import described, inline, lay_out, to_png, to_svg


@pytest.fixture
def svg():
    with style():
        figure, axes = plot(2.0)
        axes.plot([0, 1], [0, 1], color=PALETTE["blue"], marker="o")
        axes.text(0.5, 0.5, 'id="x" <script>$5$ href="#y"')
        axes.imshow([[0.0, 1.0]], interpolation="none")
        return to_svg(figure)


def ids(text):
    return re.findall(r'(?<=\s)id="([^"]*)"', re.sub(r">[^<]*<", "><", text))


def test_text_stays_text_and_nothing_is_read_as_mathematics(svg):
    assert '$5$ href="#y"' in "".join(ET.fromstring(svg).itertext())


def test_a_figure_used_twice_has_no_id_twice_and_every_reference_has_its_target(svg):
    page = inline(svg, "first", "A", "B") + inline(svg, "second", "A", "B")
    assert len(ids(page)) == len(set(ids(page)))
    used = re.findall(r'(?:href="|url\()#([^")]*)', re.sub(r">[^<]*<", "><", page))
    assert used
    assert set(used) <= set(ids(page))


def test_an_inlined_figure_follows_the_colours_of_the_page(svg):
    page = inline(svg, "figure", "A", "B")
    assert "var(--blue)" in page
    assert not [colour for colour in PALETTE.values() if colour in page]
    assert "<style" not in page


def test_names_of_classes_survive_inlining_unchanged(svg):
    element = ET.fromstring(inline(svg, "figure", "A", "B"))
    assert 'id="x" <script>$5$ href="#y"' in "".join(element.itertext())


def test_a_figure_says_what_it_shows(svg):
    element = ET.fromstring(inline(svg, "figure", "A < B", "it's so"))
    assert element.get("role") == "img"
    assert [child.text for child in element[:2]] == ["A < B", "it's so"]
    assert element.get("aria-labelledby") == " ".join(child.get("id") for child in element[:2])
    alone = ET.fromstring(described(svg, "A < B", "it's so"))
    assert [child.text for child in alone[:2]] == ["A < B", "it's so"]


def test_the_same_figure_has_the_same_bytes_and_no_date():
    def draw():
        with style():
            figure, axes = plot(2.0)
            axes.plot([0, 1], [0, 1])
            return to_svg(figure)

    assert draw() == draw()
    assert "date" not in draw().lower()


def test_writing_the_files_does_not_move_what_was_laid_out():
    with style():
        figure, axes = plot(2.0)
        axes.set_xlabel("a label that needs room")
        before = axes.get_position().bounds
        lay_out(figure)
        laid_out = axes.get_position().bounds
        to_svg(figure)
        to_png(figure)
    assert before != laid_out == axes.get_position().bounds
