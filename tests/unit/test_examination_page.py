"""`validation/write_examination.py`: items that are run again replace theirs in the page."""

import pytest
from validation import write_examination as written
from validation.examination.row import Row


def row(item, what, after="1"):
    return Row(item, what, "1", "0", after, "none", "right")


ROWS = [row("1", "a | b"), row("5", "old"), row("8", "early"), row("20 (trials 4)", "c")]
PAGE = written.page(ROWS, ["Item 8, early harm. It was -1.5."], commit="aaaaaaa")


def test_a_page_with_nothing_new_is_itself_but_for_the_commit():
    again = written.replaced(PAGE, [ROWS[2]], ["Item 8, early harm. It was -1.5."], commit="b")
    told = "which wrote this page, but for items that were run again since: 8 at `b`."
    assert again == PAGE.replace("which wrote this page.", told)


def test_rows_and_paragraphs_are_replaced_in_their_place():
    rows = [row("5 (coverage)", "new"), row("8", "early", "2")]
    words = ["Item 5, coverage. 94 %.", "Item 8, early harm. It is -1.7."]
    page = written.replaced(PAGE, rows, words, commit="bbbbbbb")
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [line.split(" | ")[:2] for line in lines] == [
        ["| 1", "a \\| b"],
        ["| 5", "old"],
        ["| 5 (coverage)", "new"],
        ["| 8", "early"],
        ["| 20 (trials 4)", "c"],
    ]
    assert "| 2 |" in lines[3]
    assert page.index(words[0]) < page.index(words[1])
    assert "It was" not in page
    assert "commit `aaaaaaa`, which" in page
    later = written.replaced(page, rows[1:], words[1:], commit="ccccccc")
    assert "since: 5 (coverage) at `bbbbbbb`, 8 at `ccccccc`." in later
    assert later.count("Item 8") == later.count("Item 5") == 1


def test_a_page_of_unknown_origin_is_refused():
    with pytest.raises(ValueError, match="which commit"):
        written.replaced(PAGE.replace("`aaaaaaa`", "?"), ROWS, [], commit="b")


def test_the_page_as_it_stands_is_read_whole():
    text = written.PAGE.read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    page = written.replaced(text, [row("99", "new")], [], commit="b")
    found = [line for line in page.splitlines() if line.startswith("| ")]
    assert found == [*lines, written._line(row("99", "new"))]
