"""Pages of the keys of specifications, from the classes that read them, with what runs each.

Only the words of introductions are written here: keys, values, defaults and meanings are those of
the JSON schema, and a key without its function is a fault.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bayes_ihlrt.spec.analysis import json_schema
from bayes_ihlrt.spec.plan import TrialPlan

type Schema = Mapping[str, Any]

PLAN_RUNS = {
    "schema": "spec.read.load_plan",
    "name": "spec.read.load_plan",
    "description": "spec.read.load_plan",
    "seed": "trials.plan.run_plan",
    "design": "trials.units.run_trials",
    "variants": "trials.plan.plan_tasks",
    "scenarios": "trials.plan.plan_tasks",
    "curves": "trials.plan.run_curve",
    "interim": "interim.data.read_running",
}
"""What runs each table of a plan, below the package."""
DESIGN_RUNS = {
    "patients": "trials.patients.enrol",
    "max_months": "trials.schedule.schedule",
    "max_follow_up": "trials.patients.enrol",
    "endpoint": "trials.schedule.schedule",
    "arms": "trials.patients.randomise",
    "accrual": "trials.patients.arrivals",
    "dropout": "trials.patients.screen",
    "population": "trials.patients.screen",
    "treatment": "trials.patients.event_times",
    "modifier": "trials.analysis.build_analysis",
    "outcome": "trials.analysis.build_analysis",
    "priors": "trials.analysis.build_analysis",
    "approximation": "trials.analysis.posteriors",
    "draws": "trials.analysis.corrected",
    "looks": "trials.decisions.decide",
    "extension": "trials.schedule.enlarged_design",
    "binding_futility": "trials.decisions.successes",
    "report_at": "trials.quantities.statements",
    "external": "trials.external.external_controls",
    "comparators": "comparators.statistics.compared",
    "reasons": "review.frameworks.framework_tables",
}
SCENARIO_RUNS = {
    "control": "trials.patients.event_times",
    "effect": "trials.patients.event_times",
    "posterior": "trials.run.design_priors",
    "accrual": "trials.patients.arrivals",
    "weight": "trials.plan.averaged",
    "reason": "review.frameworks.framework_tables",
}
STUDIES = {
    "draws": "sensitivity.cells.fit_cells",
    "threshold": "verdicts.decide",
    "margin": "sensitivity.quantities.read_quantities",
    "interaction_margin": "sensitivity.quantities.read_quantities",
    "treatment_hr": "sensitivity.prior_grid.named_priors",
    "priors": "sensitivity.parts.grid",
    "evidence": "sensitivity.published.published_priors",
    "between_sd": "sensitivity.published.published_priors",
    "bias_mean": "sensitivity.published.published_priors",
    "bias_sd": "sensitivity.published.published_priors",
    "mixture_weight": "sensitivity.published.published_priors",
    "confounder": "sensitivity.confounding.confounding",
    "negative_control": "sensitivity.negative_control.negative_control",
    "structure": "sensitivity.structure.structure",
    "audit": "sensitivity.audit.audit_grid",
}
"""What reads each key of ``[sensitivity]``, below the package."""
CONFOUNDER_RUNS = {
    "initiation": "sensitivity.latent.latent_confounding",
    "widths": "sensitivity.latent.latent_confounding",
}


def plan_page() -> str:
    """Return the tables of a plan of trials."""
    schema = TrialPlan.model_json_schema(by_alias=True)
    lines = [
        "# The plan file",
        "",
        "A plan of simulated trials is one TOML file. `bayes-ihlrt plan FILE` reads it by",
        "`bayes_ihlrt.load` and runs it by `bayes_ihlrt.plan`; `bayes_ihlrt.trials.plan.run_plan`",
        "is the part of it without files, design priors and audit. The last",
        "column names the function below `bayes_ihlrt` that uses a key. Times are months, hazard",
        "ratios treated against control. [Plan a trial](../../howto/plan.md) explains by example.",
        "",
    ]
    runs = {"": PLAN_RUNS, "design": DESIGN_RUNS, "scenarios": SCENARIO_RUNS}
    return "\n".join([*lines, *_pages("", schema, schema, runs)])


def sensitivity_page() -> str:
    """Return the table ``[sensitivity]`` of a specification, and the studies that it sets."""
    schema = json_schema()
    table = _resolved(schema["properties"]["sensitivity"], schema)
    lines = [
        "# The sensitivity study",
        "",
        "`bayes-ihlrt sensitivity SPEC` is `bayes_ihlrt.sensitivity`. What",
        "is varied stands in the table `[sensitivity]` of the specification; without one every key",
        "has its default. The last column names the function below `bayes_ihlrt` that uses a key;",
        "these have none, since nothing of them is to be set: power-scaling",
        "(`sensitivity.power.power_scaling`) and tipping points",
        "(`sensitivity.tipping.tipping_points`).",
        "[Ask what the conclusion depends on](../../howto/sensitivity.md) explains the answer.",
        "",
    ]
    runs = {"sensitivity": STUDIES, "sensitivity.confounder": CONFOUNDER_RUNS}
    return "\n".join([*lines, *_pages("sensitivity", table, schema, runs)])


def _pages(
    path: str, table: Schema, schema: Schema, runs: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Tables of a schema, each class once, where it is first named."""
    waiting, seen = [(path, f"[{path}]" if path else "Top level", table, "")], set()
    while waiting:
        where, title, here, inherited = waiting.pop(0)
        own = runs.get(where, {})
        used = {key: own.get(key) or inherited for key in here["properties"]}
        if missing := [key for key, run in used.items() if not run]:
            message = f"no function is named for {where}: {', '.join(missing)}"
            raise KeyError(message)
        yield from _table(title, here, schema, used)
        for key, field in here["properties"].items():
            named, many = _named(field), field.get("type") == "array"
            name = f"{where}.{key}{'.NAME' if named else ''}".strip(".")
            shown = f"[[{name}]]" if many else f"[{name}]"
            forms = [form for form in _referenced(named or field, schema) if "properties" in form]
            for number, inner in enumerate(forms):
                if inner["title"] not in seen and key != "priors":
                    seen.add(inner["title"])
                    title = f"{shown} with {next(iter(inner['properties']))}" if number else shown
                    waiting.append((name, title, inner, used[key]))


def _named(field: Schema) -> Schema | None:
    """What a table holds under names of the user's own, where it is a table again."""
    parts = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
    return next((part for part in parts if isinstance(part, dict) and "$ref" in part), None)


def specification_page() -> str:
    """Return the tables of a specification file from its JSON schema."""
    schema = json_schema()
    lines = [
        "# The specification file",
        "",
        "An analysis is one TOML file. Unknown keys, wrong types and contradictions are all",
        "told at once, with the nearest valid name. Times are in months unless said otherwise.",
        "",
    ]
    lines += _table("Top level", schema, schema)
    for name, field in schema["properties"].items():
        table = _resolved(field, schema)
        if "properties" in table:
            lines += _table(f"[{name}]", table, schema)
            for inner, value in table["properties"].items():
                nested = _resolved(value, schema)
                if "properties" in nested:
                    lines += _table(f"[{name}.{inner}]", nested, schema)
    return "\n".join(lines)


def _referenced(field: Schema, schema: Schema) -> list[Schema]:
    """Follow every reference of a field, and of what a list is made of."""
    listed = [field["items"]] if "items" in field else []
    several = [part for key in ("anyOf", "oneOf", "allOf") for part in field.get(key, [])]
    names = [part["$ref"] for part in (field, *several, *listed) if "$ref" in part]
    return [schema["$defs"][name.rpartition("/")[2]] for name in names]


def _resolved(field: Schema, schema: Schema) -> Schema:
    """Follow the first reference of a field, or of what a list is made of."""
    return next(iter(_referenced(field, schema)), field)


def _table(
    title: str, table: Schema, schema: Schema, runs: Mapping[str, str] | None = None
) -> list[str]:
    lines = [f"## `{title}`" if title.startswith("[") else f"## {title}", ""]
    head = ["key", "value", "default", "meaning", *([] if runs is None else ["used by"])]
    lines += [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    documented = _documented(table)
    for key, field in table["properties"].items():
        meaning = field.get("description") or documented.get(key, "")
        required = key in table.get("required", [])
        default = "required" if required else _default(field)
        cells = [f"`{key}`", _value(field, schema), default, meaning]
        if runs is not None:
            cells.append(f"`{runs[key]}`")
        shown = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
        lines.append("| " + " | ".join(shown) + " |")
    return [*lines, ""]


def _documented(table: Schema) -> dict[str, str]:
    """Read the Parameters section of a class whose fields are described in its docstring."""
    found: dict[str, str] = {}
    _, _, section = table.get("description", "").partition("Parameters\n----------\n")
    key = ""
    for line in section.split("\n\n")[0].splitlines():
        if line.startswith(" "):
            found[key] = f"{found[key]} {line.strip()}".strip()
        else:
            key = line.partition(" :")[0]
            found[key] = ""
    return found


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or value == "":
        return "none"
    if isinstance(value, dict):
        return "see its table"
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        said = [{key: own for key, own in part.items() if own is not None} for part in value]
        return f"`{said}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(field: Schema, schema: Schema) -> str:
    named = _resolved(field, schema)
    if "enum" in named:
        return ", ".join(f"`{value}`" for value in named["enum"])
    if "properties" in named:
        return "list of tables" if field.get("type") == "array" else "table"
    return " or ".join(sorted(_kinds(field)))


def _kinds(field: Schema) -> set[str]:
    """Return the types that a field may have, in words."""
    words = {"array": "list", "object": "table", "string": "text", "boolean": "true or false"}
    kind = field.get("type")
    own = {words.get(kind, kind)} - {None, "null"}
    return own.union(*(_kinds(part) for part in field.get("anyOf", [])))
