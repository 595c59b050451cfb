"""What is asked of every result, whatever made it."""

import json
import pickle
import re

import pandas as pd
from matplotlib.figure import Figure

import bayes_ihlrt as bi
from bayes_ihlrt.plain import json_text


def told(result):
    """Return the content of ``result.json``, without what is measured."""
    return json_text({key: value for key, value in result.to_dict().items() if key != "seconds"})


def check_result(result, folder, *, figure, words):
    """A result is short, shown, summarised, drawn where one wants it, written and read back."""
    assert len(repr(result)) < 2000
    page = result._repr_html_()
    assert page.startswith("<div")
    assert re.search(words, page), page
    assert "<script" not in page
    table = bi.summary(result)
    assert isinstance(table, pd.DataFrame)
    assert len(table)
    place = Figure(figsize=(5, 4))
    assert bi.plot(result, figure, ax=place.subplots()) is place
    assert any(axes.lines or axes.collections or axes.texts for axes in place.axes)
    again = pickle.loads(pickle.dumps(result))
    assert told(again) == told(result)
    assert again._repr_html_() == page
    place = bi.save(result, folder / "run")
    loaded = bi.load(place)
    assert type(loaded) is type(result)
    assert told(loaded) == told(result)
    assert bi.summary(loaded).equals(table)
    return loaded


def cut_off(folder, *names):
    """Leave a folder as a writer that is killed while its last files are put in place."""
    placing = folder / ".unfinished.placing"
    placing.mkdir()
    for name in names:
        (folder / name).rename(placing / name)
    order = {"replaces": [*names], "last": None}
    (placing / ".unfinished.json").write_text(json.dumps(order), "utf-8")
