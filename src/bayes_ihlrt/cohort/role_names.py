"""Columns of an unknown file, and what their names say: words of each role in five languages.

A name decides a role only if every word of it is understood: one of the role's own words, and for
the rest words that change nothing ("date of", a unit). "TACE sessions" is about TACE and no date
of it; "Performance status" is no status of a patient's life.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.dates import looks_like_dates
from bayes_ihlrt.cohort.given import limit_of
from bayes_ihlrt.files.cells import CellKind, Cells, read_cells, read_labels
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.names import TimeUnit

OPEN: Final = "?"
"""Stands in a specification for what is still to be decided."""

_SEEN: Final = 400
"""Cells by which a column is told to hold dates."""
_MANY: Final = 50
"""So many values are no categories."""
_UNITS: Final = {
    TimeUnit.DAYS: r"days?|d|tagen?|jours?|giorni|dias",
    TimeUnit.WEEKS: r"weeks?|wks?|wochen?|semaines?|settimane|semanas",
    TimeUnit.MONTHS: r"months?|mos?|mon|mths?|monaten?|mois|mesi|meses",
    TimeUnit.YEARS: r"years?|yrs?|y|jahren?|ans|annees|anni|anos",
}
_UNIT: Final = "|".join(_UNITS.values())
_PARTS: Final = re.compile(
    r"(.{2,}?)(datum|date|beginn|start|zeitpunkt|zeit|time|status|monate|months|days|weeks|years"
    r"|tag|kontakt|contact|event)"
)
_FILLING: Final = (
    r"date|datum|dt|data|fecha|jour|giorno|dia|day|tag|the|of|in|on|at|am|a|de|del|della|di|du|la"
    r"|le|il|el|des|der|die|das|dem|l|d|von|vom|zum|zur|to|bis|until|since|seit|from|ab|first"
    r"|erst\w*|premiere?|prim[oa]|primer[oa]?|0|1|baseline|bl|time|zeit|zeitpunkt|mm|yyyy|dd|jj|tt"
    r"|jjjj|is|was"
)
_BEGIN: Final = r"start\w*|begin\w*|beginn|debut|inizio|inicio|initiation"
_TREATMENT: Final = (
    r"ihlrt|tace|deb|ctace|haic?|tare|sirt|rfa|mwa|pei|ablat\w*|\w*emboli\w*|embol\w*|ebrt|sbrt"
    r"|radiotherap\w*|strahlentherapie|bestrahlung\w*|radiation|local|lokal\w*|locoregional\w*|lrt"
    r"|transplant\w*|tx|ltx|lt|olt|surgery|surgical|operation\w*|op|resect\w*|resektion\w*|reseccion"
    r"|hepatectom\w*|hepatektomie|intervention\w*|eingriff|switch|wait|crossover|chirurgi\w*"
    r"|cirugia|treat(ed|ment)?|behandlung\w*|traitement|tratamiento|trattamento|90 y|y 90"
)
_DEATH: Final = (
    r"deaths?|dead|died|deceased|exitus|tod|tot|todes\w*|sterbe\w*|verstorben\w*|gestorben|deces"
    r"|decede\w*|mort|morte|mortality|decesso|decedut[oa]|muerte|fallecid[oa]|fallecimiento"
    r"|muert[oa]"
)
_CODES: Final = r"yes|no|ja|nein|oui|non|si|j|n|y|yn"


class Role(NamedTuple):
    """Words of a role.

    Parameters
    ----------
    key : str
        Pattern of its own words, one of which has to be in the name.
    filling : str
        Pattern of words that change nothing.
    never : str
        Pattern of words with which a column is something else for certain.
    """

    key: str
    filling: str
    never: str = "(?!)"


PATIENT: Final = Role(
    r"pat|patient\w*|subj|subject|subjid|usubjid|mrn|pid|paziente|paciente|proband\w*|fall|case"
    r"|pseudonym|kennung|record|study id|id|nr|nummer|number|code|identifier",
    r"id|nr|no|n|number|nummer|code|study|unique|name|the|of|ident\w*|case|record|hospital|center",
    r"cent(re|er)|site|zentrum|klinik",
)
CENTRE: Final = Role(
    r"cent(re|er)|site|hospital|clinic|institution|zentrum|klinik|krankenhaus|klinikum|spital"
    r"|standort|centro|ospedale|hopital",
    r"id|name|no|nr|code|number|nummer|study|studien\w*|treating|the|of|treatment|behandelnd\w*",
    r"tumou?rs?|metasta\w*|lesion\w*|primary|organ|biopsy|injection|disease|infection",
)
ORIGIN: Final = Role(
    rf"baseline|index|origin|enrol\w*|inclusion|einschluss|random\w*|c 1 d 1|t 0|accept\w*"
    rf"|time zero|day 0|{_BEGIN}",
    rf"{_FILLING}|{_BEGIN}|therap\w*|terapia|systemic\w*|systemisch\w*|sistemic[oa]|treatment"
    r"|behandlung\w*|studien?|study|atezo\w*|bev\w*|sorafenib|lenvatinib|durva\w*|treme\w*|nivo\w*"
    r"|ipi\w*|pembro\w*|immun\w*|ici|tki|chemo\w*|dose|line|linie|traitement|tratamiento"
    r"|trattamento|visit|follow|up|observation|beobachtung\w*|zero",
    r"birth|dob|geb\w*|naissance|nascita|nacimiento|diagnos\w*|last|letzt\w*|end|ende|stop|off"
    r"|discont\w*|progress\w*|contact|symptom\w*|referral|second|2|3|later|post|relapse|nd|zweit\w*"
    rf"|rezidiv\w*|biopsy|{_DEATH}",
)
END: Final = Role(
    rf"last|letzt\w*|contact|kontakt|follow ups?|followup|fu|{_DEATH}|censor\w*|zensi\w*|exit|os"
    r"|survival|uberleben\w*|ultim[oa]|derniere?s?|nachbeobachtung\w*|nachsorge|suivi|seguimiento"
    r"|end|ende|fin",
    rf"{_FILLING}|seen|known|news|nouvelles?|info\w*|status|vital|patient\w*|study|studie\w*|or"
    r"|oder|ou|o|and|und|e|et|observation|beobachtung\w*|contatto|contacto|up|follow|overall",
    r"dose|dosis|cycles?|zyklus|zyklen|ct|mri?|mrt|imaging|scan|bildgebung|therap\w*|terapia"
    rf"|medication|progress\w*|pd|birth|geb\w*|dob|lab|labor|drug|infusion|admission|discharge"
    rf"|chemo\w*|cause|diagnos\w*|response|relapse|recurrence|rezidiv\w*|{_BEGIN}"
    rf"|{_TREATMENT}",
)
SURVIVED: Final = (
    r"os|survival|surv|survie|uberleben\w*|ueberleben\w*|gesamtuberleben\w*|gesamtueberleben\w*"
    r"|sopravvivenza|supervivencia|follow ups?|followup|fu|nachbeobachtung\w*|beobachtung\w*|suivi"
    r"|seguimiento|observation|tte|aval"
)
PROGRESSED: Final = (
    r"pfs|rfs|dfs|efs|ttp|progres\w*|progred\w*|pd|relaps\w*|recur\w*|recidiv\w*|rezidiv\w*"
    r"|rueckfall|ruckfall"
)
_TIMES: Final = r"time|zeit|duration|dauer|temps|tempo|tiempo"
TIME: Final = Role(
    rf"{SURVIVED}|{PROGRESSED}|{_TIMES}",
    rf"{_FILLING}|{_UNIT}|{_TIMES}|c 1 d 1|overall|gesamt\w*|total|length|free|freies?"
    rf"|last|contact|event|death|or|survival|up|{_BEGIN}",
    r"age|alter|edad|eta|therap\w*|diagnos\w*|response|remission|stay|hospital\w*|lead|status"
    r"|expected|predicted|doubling|prothrombin\w*|thrombin|clotting|bleeding|smok\w*|symptom\w*"
    rf"|isch\w*|follow up visits?|number|anzahl|cycles?|{_TREATMENT}",
)
UNIT_ONLY: Final = Role(_UNIT, rf"{_FILLING}|{_UNIT}", TIME.never)
EVENT: Final = Role(
    rf"{_DEATH}|event|ereignis|evenement|evento|fustat|status|statut|vital\w*|state|stato|estado"
    rf"|etat|outcome|survival|uberleben\w*|cnsr|cens\w*|zensi\w*|alive|living|lebt|lebend\w*"
    rf"|vivant|vivo|survived|uberlebt|{PROGRESSED}",
    rf"{_FILLING}|{_CODES}|{PROGRESSED}|os|overall|patient\w*|pat|last|final|current|follow|up|fu"
    r"|indicator|flag|code|any|all|cause|letzter|kontakt|contact|free|survival|status|or|oder",
    r"performance|ecog|hepatitis|hbv|hcv|viral|lost|smok\w*|marital|menopaus\w*|mutation\w*|ps"
    r"|insurance|receptor|nutrition\w*|employment|disease|tumou?r|treatment|therap\w*|response"
    r"|cirrhosis|cause of|functional|nodal|margin\w*|metasta\w*|adverse|bleeding|toxic\w*|serious"
    r"|thromb\w*|msi|solid|liquid|federal",
)
DIES: Final = Role(rf"{_DEATH}|event|ereignis|evenement|evento|fustat", EVENT.filling)
"""The name itself means the event."""
INVERTED: Final = Role(
    r"cnsr|cens\w*|zensi\w*|alive|living|lebt|lebend\w*|vivant|vivo|free|frei|survived|uberlebt"
    r"|^no|^not|kein\w*|without|ohne",
    ".*",
)
START: Final = Role(
    _TREATMENT,
    rf"{_FILLING}|{_UNIT}|{_BEGIN}|{_TREATMENT}|therap\w*|terapia|procedure|procedur",
    r"sessions?|sitzung\w*|number|no|nr|anzahl|num|n|count|cycles?|zyklen|zyklus|duration|dauer"
    r"|volumen?|discontin\w*|off|end\w*|ende|stop\w*|last|letzt\w*|birth|geb\w*|response|diagnos\w*"
    r"|follow|fu|random\w*|inclusion|systemi\w*|dose|dosis|planned|geplant\w*|refus\w*|reason|grund"
    r"|type|art|site|tumou?r|prior|previous|before|radiology|bildgebung|ct|mri|recovery|listing"
    rf"|complication\w*|listed|consent|board|decision|referral|contact|kontakt|{PROGRESSED}"
    rf"|{_DEATH}",
)
_AT_ONSET: Final = r"baseline|bl|at|day|0|c 1 d 1|pre|start|initial|ratio|value|bei|beginn|the|of"
LATER: Final = re.compile(
    rf"\b({PROGRESSED}|response|last|letzt\w*|follow|fu|week|wk|woche|cycles?|zyklus|nadir|post"
    r"|nach|after|end|ende|best|tox\w*|adverse|off|subsequent|delta|change|month|monat|min|max"
    r"|c [2-9])\b"
)
"""Words of what is known only later than time zero."""


_CODING: Final = re.compile(
    r"[(\[]([^()\[\]]*[/%^][^()\[\]]*|[\d\s,;:=-]+|years?|jahre)[)\]]", re.IGNORECASE
)
"""Units and codes in brackets."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the file, as far as roles are told by it.

    Parameters
    ----------
    name : str
        Its name.
    cells : Cells
        Its cells.
    raw : array-like
        The column as it was given.
    """

    name: str
    cells: Cells
    raw: Any

    @cached_property
    def words(self) -> str:
        """The name in small letters without accents, parted at blanks, digits and known ends."""
        return _words(self.name)

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """Its cells as text; None where missing."""
        return read_labels(self.raw)

    @cached_property
    def known(self) -> int:
        """Number of cells that are not empty."""
        return int((~self.cells.missing).sum())

    @property
    def complete(self) -> bool:
        """Whether no cell is empty."""
        return self.known == len(self.cells.missing)

    @cached_property
    def distinct(self) -> int:
        """Number of values that differ."""
        if self.cells.kind is CellKind.NUMBER:
            return len(np.unique(self.cells.numbers[~self.cells.missing]))
        return len({*self.labels.tolist()} - {None})

    @cached_property
    def varied(self) -> int:
        """Number of values that differ; where there are many, of some hundred cells."""
        seen = len({*(self._some.text if len(self.cells.text) else self._some.numbers).tolist()})
        return seen if seen > _MANY else self.distinct

    @cached_property
    def _some(self) -> Cells:
        """Some hundred of the cells that are not empty, from all over the column."""
        there = np.flatnonzero(~self.cells.missing)
        if len(there) > _SEEN:
            there = there[np.linspace(0, len(there) - 1, _SEEN).astype(np.intp)]
        text = self.cells.text
        return Cells(self.cells.kind, self.cells.numbers[there], text[there] if len(text) else text)

    @cached_property
    def levels(self) -> Counter[str]:
        """How often each value occurs."""
        counts = Counter(self.labels.tolist())
        del counts[None]
        return counts

    @cached_property
    def dates(self) -> bool:
        """Whether it holds calendar dates; some hundred cells tell."""
        return looks_like_dates(self._some)

    @cached_property
    def limited(self) -> bool:
        """Whether some cells lie beyond a limit of detection."""
        return self._limits > 0

    @cached_property
    def _limits(self) -> int:
        if self.cells.kind is not CellKind.TEXT:
            return 0
        signs = ("<", ">", "\u2264", "\u2265")
        texts = (text for text in self.cells.text.tolist() if text and text.startswith(signs))
        return sum(limit_of(text) is not None for text in texts)

    @cached_property
    def numeric(self) -> bool:
        """Whether it holds numbers, some perhaps beyond a limit of detection."""
        enough = int(np.isfinite(self.cells.numbers).sum()) + self._limits
        return bool(self.known) and 10 * enough >= 9 * self.known and not self.dates

    @cached_property
    def whole(self) -> bool:
        """Whether it holds whole numbers."""
        numbers = self.cells.numbers
        return self.numeric and bool((numbers == np.round(numbers)).all())

    @cached_property
    def unit(self) -> TimeUnit | None:
        """The one unit of time that the name tells."""
        words = re.sub(r"\b(90 y|y 90|c 1 d 1)\b", " ", self.words)
        found = [unit for unit, words_ in _UNITS.items() if has(words, words_)]
        if len(found) > 1 and TimeUnit.DAYS in found and not has(words, r"days|tagen?|jours"):
            found.remove(TimeUnit.DAYS)
        return found[0] if len(found) == 1 else None

    def may_be(self, role: Role) -> bool:
        """Whether a word of the name is one of a role's own, and none is against it."""
        return has(self.words, role.key) and not has(self.words, role.never)

    def surely(self, role: Role) -> bool:
        """Whether every word of the name is understood."""
        rest = re.sub(rf"\b({role.key})\b", " ", self.words)
        return self.may_be(role) and not re.sub(rf"\b({role.filling})\b", " ", rest).strip()

    def at_onset(self, word: str) -> bool:
        """Whether the name is a word with nothing but "baseline", a unit or codes with it."""
        words = _words(_CODING.sub(" ", self.name))
        return not re.sub(rf"\b({word}|{_AT_ONSET})\b", " ", words).strip()


def _words(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", spaced).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    found = []
    for word in re.findall(r"[^\W\d_]+|\d+", plain):
        parts = _PARTS.fullmatch(word)
        found += [word] if parts is None else [parts[1], parts[2]]
    return " ".join(found)


def has(words: str, pattern: str) -> bool:
    """Return whether one of the words fits a pattern.

    Parameters
    ----------
    words : str
        Words with blanks between them.
    pattern : str
        A regular expression.

    Returns
    -------
    bool
        True if it is found between the borders of words.

    Examples
    --------
    >>> has("date of tace", "tace|rfa"), has("space", "tace|pace")
    (True, False)
    """
    return re.search(rf"\b({pattern})\b", words) is not None


def columns_of(table: Table) -> list[Column]:
    """Return the columns of a table that hold anything, each name once.

    Parameters
    ----------
    table : Table
        All columns of a file.

    Returns
    -------
    list of Column
        In the order of the file; none is called "?", which means open.
    """
    found = []
    for name in table.names:
        if name in table.columns and name.strip() not in {"", OPEN}:
            column = Column(name, read_cells(table.columns[name]), table.columns[name])
            if not column.cells.missing.all():
                found.append(column)
    return found
