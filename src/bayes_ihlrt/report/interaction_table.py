"""Does the effect depend on the modifier: statements on the terminal, prior beside posterior."""

from rich.table import Table

from bayes_ihlrt.analysis.interaction_result import InteractionResult
from bayes_ihlrt.report.numbers import number


def interaction_panel(found: InteractionResult, modifier: str, *, drawn: str) -> Table:
    """Return the table of statements about the interaction.

    Parameters
    ----------
    found : InteractionResult
        Of a fitted analysis.
    modifier : str
        Name of the modifier.
    drawn : str
        What a probability after the data is of: posterior, bootstrap.

    Returns
    -------
    rich.table.Table
        One row a statement.
    """
    title = f"Does the effect depend on {modifier}? Probability before and given the data"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("prior", drawn):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.statements:
        cells = (number(chance, 2, missing="-") for chance in (each.prior, each.posterior))
        table.add_row(each.words, *cells)
    return table


def crossing_sentence(found: InteractionResult, modifier: str) -> str:
    """Return where over the modifier the chance of a lower hazard passes the highest level.

    Parameters
    ----------
    found : InteractionResult
        Of a fitted analysis.
    modifier : str
        Name of the modifier.

    Returns
    -------
    str
        One sentence.
    """
    crossed = found.crossings["prob_benefit"]
    level = max(each.level for each in crossed)
    here = [each for each in crossed if each.level == level]
    low, high = (float(found.curve["value"][end]) for end in (0, -1))
    chance = f"The probability that the hazard is lowered reaches {level:g}"
    if here[0].at is None:
        where = {
            "everywhere": f"at every {modifier} of the cohort",
            "nowhere": f"at no {modifier} of the cohort",
        }[here[0].above]
        return f"{chance} {where} ({low:.3g} to {high:.3g})."
    if [each.above for each in here] == ["higher", "lower"]:
        between = " and ".join(f"{each.at:.3g}" for each in here)
        return f"{chance} between {modifier} {between} (cohort: {low:.3g} to {high:.3g})."
    way = {"higher": "above", "lower": "below"}
    parts = [f"{way[each.above]} {modifier} {each.at:.3g}" for each in here]
    return f"{chance} {' and '.join(parts)} (cohort: {low:.3g} to {high:.3g})."
