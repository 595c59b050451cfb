"""What the names of columns say: words of each role in a cohort, in five languages.

A name decides a role only if every word of it is understood: one of the role's own words, and for
the rest words that change nothing ("date of", a unit). "TACE sessions" is about TACE and no date
of it; "Performance status" is no status of a patient's life.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from bayes_ihlrt.names import TimeUnit

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
    r"|jjjj|is|was|st"
)
_BEGIN: Final = r"start\w*|begin\w*|beginn|debut|inizio|inicio|initiation"
_COUNTED: Final = r"\d+ (days?|weeks?|months?|years?|tagen?|wochen?|monaten?|jahren?)"
"""A point in time: "survival at 1 year" is no time to an event."""
_TREATMENT: Final = (
    r"ihlrt|trt|tace|deb|ctace|haic?|tare|sirt|rfa|mwa|pei|ablat\w*|\w*emboli\w*|embol\w*|ebrt|sbrt"
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
    rf"|time zero|day 0|first (dose|infusion|cycle)|{_BEGIN}",
    rf"{_FILLING}|{_BEGIN}|therap\w*|terapia|systemic\w*|systemisch\w*|sistemic[oa]|treatment"
    r"|behandlung\w*|studien?|study|atezo\w*|bev\w*|sorafenib|lenvatinib|durva\w*|treme\w*|nivo\w*"
    r"|ipi\w*|pembro\w*|immun\w*|ici|tki|chemo\w*|dose|line|linie|traitement|tratamiento"
    r"|trattamento|visit|follow|up|observation|beobachtung\w*|zero",
    r"birth|dob|geb\w*|naissance|nascita|nacimiento|diagnos\w*|last|letzt\w*|end|ende|stop|off"
    r"|discont\w*|progress\w*|contact|symptom\w*|referral|second|2|3|later|post|relapse|nd|zweit\w*"
    rf"|rezidiv\w*|biopsy|ct|mri?|mrt|imaging|scan|bildgebung|lab|labor|{_DEATH}",
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
TO_DEATH: Final = rf"(to|until|bis|bis zum|zum|a|al|au|jusqu) ({_DEATH}|event)"
TIME: Final = Role(
    rf"{SURVIVED}|{PROGRESSED}|{TO_DEATH}|{_TIMES}",
    rf"{_FILLING}|{_UNIT}|{_TIMES}|c 1 d 1|overall|gesamt\w*|total|length|free|freies?"
    rf"|last|contact|event|{_DEATH}|or|oder|survival|up|letzt\w*|kontakt|{_BEGIN}",
    r"age|alter|edad|eta|therap\w*|diagnos\w*|response|remission|stay|hospital\w*|lead|status"
    r"|expected|predicted|doubling|prothrombin\w*|thrombin|clotting|bleeding|smok\w*|symptom\w*"
    rf"|isch\w*|list|{_COUNTED}|follow up visits?|number|anzahl|cycles?|{_TREATMENT}",
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
    r"|type|art|site|tumou?r|prior|previous|before|radiology|bildgebung|ct|mri|recovery|list|listing"
    rf"|{_COUNTED}|complication\w*|listed|consent|board|decision|referral|contact|kontakt|{PROGRESSED}"
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
DEAD_WORD: Final = re.compile(
    r"dead|died|deaths?|deceased|exitus( letalis)?|verstorbene?r?|tot|gestorben|tod(esfall)?"
    r"|d[e\u00e9]c[e\u00e9]d[e\u00e9]e?|d[e\u00e9]c[e\u00e8]s|mort[eoa]?|decedut[oa]|decesso"
    r"|muert[oa]|muerte|fallecid[oa]|event|ereignis|[e\u00e9]v[e\u00e9]nement|evento",
    re.IGNORECASE,
)
PROGRESS_WORD: Final = re.compile(
    r"progress\w*|progres\w*|pd|relapsed?|recurrence|recurred|rezidiv", re.I
)
DEATHLIKE: Final = re.compile(
    r"\b(dead|died|death|deceas|exit|verst|tot|gest|tod|d[e\u00e9]c|mort|muer|fallec|event|ereig"
    r"|[e\u00e9]v[e\u00e9]n|doo?d|doc)",
    re.IGNORECASE,
)
UNKNOWN_WORD: Final = re.compile(
    r"\?+|unknown|not known|unbekannt|inconnu|desconocido|n\.?[abdk]\.?|k\.?\s?a\.?|missing", re.I
)
CODED_NAME: Final = re.compile(r"(\w+)\s*[=:]\s*([^\W\d]+)")
NOT_WORD: Final = re.compile(r"(no|not|kein|keine|nicht|non|pas|sin|without|ohne)\b", re.IGNORECASE)
YES_WORD: Final = re.compile(r"yes|y|ja|j|oui|o|si|s\u00ed|s|true|wahr|vrai|1", re.IGNORECASE)
NO_WORD: Final = re.compile(r"no|n|nein|non|false|falsch|faux|0", re.IGNORECASE)
LIVING_WORD: Final = re.compile(
    r"((still )?(alive|living|lives)|lebt|lebend(ig)?|am leben|(est )?vivante?|en vie"
    r"|viv[oa]|vive|censor(ed)?|zensiert|censur[e\u00e9]e?|censurad[oa]|censurat[oa]"
    r"|lost|ltfu|withdr(awn|ew)|(event|disease)[- ]free|none|ned|awd)\b",
    re.IGNORECASE,
)
"""How values begin that say, of how follow-up ended, that no event was seen."""
ONLY_DEATH: Final = re.compile(r"(?!event|ereig|.v.n|evento).*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class ColumnName:
    """A column, as far as its name tells what it is.

    Parameters
    ----------
    name : str
        Its name.

    Examples
    --------
    >>> ColumnName("TACE-Datum").surely(START), ColumnName("TACE sessions").surely(START)
    (True, False)
    """

    name: str

    @cached_property
    def words(self) -> str:
        """The name in small letters without accents, parted at blanks, digits and known ends."""
        return _words(self.name)

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
