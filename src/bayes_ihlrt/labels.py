"""What columns, terms and levels are called before people: the one place where names become words.

Formulas, files and priors know a column by its name. Tables, figures and sentences call it by the
label that `[data] labels` gives it, and by its name where there is none.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from bayes_ihlrt.escaping import as_written, printable
from bayes_ihlrt.limits import LONGEST_LABEL


def _for_people(text: str) -> str:
    bare = text.strip()
    if not bare:
        raise ValueError("a label is empty; write what people call it, or leave the line out")
    if printable(bare) != bare:
        raise ValueError(
            f"'{printable(bare)}' holds a line break or another sign that is not seen; write a "
            "label in one line"
        )
    if len(bare) > LONGEST_LABEL:
        raise ValueError(
            f"'{bare[:20]} ...' has {len(bare):,} characters and tables have room for "
            f"{LONGEST_LABEL}; shorten it"
        )
    return bare


def is_label(text: str) -> bool:
    """Return whether a text may stand as a label.

    Parameters
    ----------
    text : str
        Any text, such as a header of a file.

    Returns
    -------
    bool
        Whether it is one line of letters that are seen, and not too long.

    Examples
    --------
    >>> is_label("Albumin (g/L)"), is_label("two" + chr(10) + "lines"), is_label("x" * 200)
    (True, False, False)
    """
    try:
        _for_people(text)
    except ValueError:
        return False
    return True


def level_code(value: Any) -> Any:
    """Return a level as it is compared: by its text, so that 2, 2.0 and "2" are one level.

    Parameters
    ----------
    value : object
        A level.

    Returns
    -------
    object
        Text for numbers and text.

    Examples
    --------
    >>> level_code(2.0), level_code(" II ")
    ('2', 'II')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.15g}"
    return value.strip().removesuffix(".0") if isinstance(value, str) else value


LabelText = Annotated[str, AfterValidator(_for_people)]
Level = Annotated[str, BeforeValidator(level_code)]


class Label(BaseModel):
    """What one column is called before people.

    Raises
    ------
    pydantic.ValidationError
        A text is empty, has more than one line or is too long, or two levels are called alike.

    Examples
    --------
    >>> Label(label="Aetiology", levels={"hbv": "Hepatitis B"}).levels
    {'hbv': 'Hepatitis B'}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: LabelText = Field(description="What the column is called.")
    unit: LabelText | None = Field(
        default=None, description="Unit of its values, where `units` does not tell it."
    )
    levels: dict[Level, LabelText] = Field(
        default_factory=dict, description="What its levels are called, by what the file has."
    )

    @model_serializer(mode="wrap")
    def _short(self, write: SerializerFunctionWrapHandler) -> dict[str, Any] | str:
        written: dict[str, Any] = {key: value for key, value in write(self).items() if value}
        return self.label if set(written) == {"label"} else written

    @model_validator(mode="after")
    def _levels_apart(self) -> Self:
        if twice := said_twice(self.levels):
            raise ValueError(
                f"`levels` of '{self.label}' calls {twice}: give each a label of its own"
            )
        return self


def said_twice(texts: dict[str, str]) -> str:
    """Return which names have one label; empty where all differ.

    Parameters
    ----------
    texts : dict of str to str
        Labels by name.

    Returns
    -------
    str
        Upper and lower case do not tell labels apart.

    Examples
    --------
    >>> said_twice({"a": "Age", "b": "age"})
    "a and b 'age'"
    """
    names: dict[str, list[str]] = {}
    for name, text in texts.items():
        names.setdefault(text.casefold(), []).append(name)
    told = [f"{' and '.join(n)} '{texts[n[-1]]}'" for n in names.values() if len(n) > 1]
    return "; ".join(told)


def _as_table(value: Any) -> Any:
    return {"label": value} if isinstance(value, str) else value


Labelled = Annotated[Label, BeforeValidator(_as_table, json_schema_input_type=str | Label)]

_NAME: Final = re.compile(r"[^\W\d]\w*(?!\w*\s*[(=])")
_LEVEL: Final = re.compile(r"(?:C\()?([^\W\d]\w*)\)?\[(?:T\.)?(.*)\]", re.DOTALL)
_EFFECT: Final = re.compile(r"([^\W\d]\w*)_effect(?:\[(.*)\])?", re.DOTALL)
_OFFSET: Final = "_effect_deviation"
_SLOPE: Final = re.compile(r"([^\W\d]\w*)_effect:(.+)\[(.*)\]", re.DOTALL)
"""Effect of a group on the effect of a covariate, in one level of the group."""
_OUTSIDE: Final = re.compile(r":(?![^\[(]*[\])])")
"""A colon that joins factors, and is none of a level or of an expression."""


class Labels(BaseModel):
    """What the columns of one analysis are called, under every name that they have in it.

    Parameters
    ----------
    texts : dict of str to str
        Labels by name.
    units : dict of str to str
        Units by name.
    levels : dict of str to dict of str to str
        Labels of levels, by the column's name.
    groups : tuple of str
        Columns whose levels have effects of their own.
    parameters : dict of str to str
        What the baseline's parameters and scales are called, by name.

    Examples
    --------
    >>> labels = Labels(texts={"nlr": "NLR", "stage": "Stage"}, levels={"stage": {"2": "II"}})
    >>> labels.of("nlr"), labels.of("albi"), labels.level("stage", "2.0")
    ('NLR', 'albi', 'II')
    >>> labels.term("ihlrt:nlr"), labels.term("stage[T.2]"), labels.term("log(nlr / 3)")
    ('ihlrt × NLR', 'Stage: II', 'log(NLR / 3)')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: dict[str, str] = {}
    units: dict[str, str] = {}
    levels: dict[str, dict[str, str]] = {}
    groups: tuple[str, ...] = ()
    parameters: dict[str, str] = {}

    def of(self, name: str | None) -> str:
        """Return what a column, the treatment or the modifier is called.

        Parameters
        ----------
        name : str or None
            Its name; None for nothing.

        Returns
        -------
        str
            Its label, else its name; empty for None.
        """
        return "" if name is None else self.texts.get(name, name)

    def with_unit(self, name: str) -> str:
        """Return a column's label with its unit, for axes and rows of tables.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        str
            For example ``"Albumin (g/L)"``.
        """
        text, unit = self.of(name), self.units.get(name)
        return text if unit is None or text.endswith(f"({unit})") else f"{text} ({unit})"

    def level(self, name: str, level: str) -> str:
        """Return what a level of a category is called.

        Parameters
        ----------
        name : str
            Name of the category.
        level : str
            As the data have it.

        Returns
        -------
        str
            Its label, else the level itself.
        """
        own = self.levels.get(name, {})
        return own.get(level) or own.get(level.removesuffix(".0")) or level

    def part(self, name: str, level: str) -> str:
        """Return a category and one of its levels, e.g. a subgroup.

        Parameters
        ----------
        name : str
            Name of the category.
        level : str
            As the data have it.

        Returns
        -------
        str
            For example ``"Aetiology: Hepatitis B"``.
        """
        return f"{self.of(name)}: {self.level(name, level)}"

    def characteristic(self, name: str) -> str:
        """Return what a row of a table of patients is called: with its unit, or a level.

        Parameters
        ----------
        name : str
            For example ``"albumin"`` or ``"stage: II"``.

        Returns
        -------
        str
            With labels in the place of names.
        """
        return self.with_unit(name) if name in self.units else self.covariate(name)

    def term(self, name: str) -> str:
        """Return what a coefficient or another parameter is called.

        Parameters
        ----------
        name : str
            Its name in results, such as ``"ihlrt:stage[T.II]"`` or ``"sd_centre"``.

        Returns
        -------
        str
            With labels in the place of names; unchanged where nothing in it has a label.

        Examples
        --------
        >>> labels = Labels(groups=("centre",), parameters={"log_hazard": "baseline hazard (log)"})
        >>> labels.term("log_hazard[3-6]"), labels.term("sd_centre"), labels.term("nlr")
        ('baseline hazard (log): 3-6', 'SD of centre', 'nlr')
        """
        own, bracket, inner = name.partition("[")
        if own in self.parameters:
            words = self.parameters[own]
            return f"{words}: {inner.removesuffix(']')}" if bracket else words
        slope = _SLOPE.fullmatch(as_written(name))
        if slope is not None and self._known(slope[1]):
            of = self._factor(f"{slope[1]}_effect")
            return f"{of} \u00d7 {self.term(slope[2])}: {self.level(slope[1], slope[3])}"
        parts = _OUTSIDE.split(as_written(name))
        told = [self._factor(part) for part in parts]
        return name if told == parts else " \u00d7 ".join(told)

    def covariate(self, name: str) -> str:
        """Return what a covariate of a table of balance is called, which may be one level.

        Parameters
        ----------
        name : str
            For example ``"nlr"`` or ``"stage: II"``.

        Returns
        -------
        str
            With labels in the place of names.
        """
        column, colon, level = name.partition(": ")
        return self.part(column, level) if colon and self._known(column) else self.of(name)

    def formula(self, text: str) -> str:
        """Return a formula with labels in the place of names.

        Parameters
        ----------
        text : str
            A formula, or an expression of columns.

        Returns
        -------
        str
            To be read, not to be computed with.
        """
        return _NAME.sub(lambda found: self.of(found[0]), text)

    def _factor(self, text: str) -> str:
        if text in self.texts:
            return self.of(text)
        if text.endswith(_OFFSET) and self._known(text.removesuffix(_OFFSET)):
            return f"Effect of {self.of(text.removesuffix(_OFFSET))}, in its standard deviations"
        effect = _EFFECT.fullmatch(text)
        if effect is not None and self._known(effect[1]):
            told = f"Effect of {self.of(effect[1])}"
            return told if effect[2] is None else f"{told}: {self.level(effect[1], effect[2])}"
        if text.startswith("sd_") and self._known(text[3:]):
            return f"SD of {self.of(text[3:])}"
        level = _LEVEL.fullmatch(text)
        if level is not None and self._known(level[1]):
            return self.part(level[1], level[2])
        return self.formula(text)

    def _known(self, name: str) -> bool:
        return name in self.texts or name in self.levels or name in self.groups


def called(labels: Labels, parameters: Iterable[str]) -> dict[str, str]:
    """Return what columns and parameters are called, where that is not their name.

    Parameters
    ----------
    labels : Labels
        Of an analysis.
    parameters : iterable of str
        Names in results.

    Returns
    -------
    dict of str to str
        By name.

    Examples
    --------
    >>> called(Labels(texts={"nlr": "NLR"}), ["log_rate", "sd_nlr"])
    {'nlr': 'NLR', 'sd_nlr': 'SD of NLR'}
    """
    told = {name: labels.term(name) for name in parameters}
    return labels.texts | {name: text for name, text in told.items() if text != name}


def labels_of(
    given: dict[str, Label], *, units: dict[str, str], same: Callable[[str], list[str]]
) -> Labels:
    """Return the labels of an analysis.

    Parameters
    ----------
    given : dict of str to Label
        As a specification states them.
    units : dict of str to str
        Units by column, as stated beside them.
    same : callable
        From a name to the further names that the analysis has for its column.

    Returns
    -------
    Labels
        Under every name; what is stated of a name itself goes before.

    Examples
    --------
    >>> given = {"NLR (day 0)": Label(label="NLR at baseline")}
    >>> labels_of(given, units={}, same=lambda name: ["nlr"]).of("nlr")
    'NLR at baseline'
    """
    texts: dict[str, str] = {}
    levels: dict[str, dict[str, str]] = {}
    told: dict[str, str] = dict(units) | {n: g.unit for n, g in given.items() if g.unit is not None}
    for name, label in given.items():
        for each in (name, *(other for other in same(name) if other not in given)):
            texts[each] = label.label
            if label.levels:
                levels[each] = label.levels
    for name, unit in list(told.items()):
        for other in same(name):
            told.setdefault(other, unit)
    return Labels(texts=texts, units=told, levels=levels)
