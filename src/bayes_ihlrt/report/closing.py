"""What was analysed and by what: specifications, data, versions and seeds."""

from collections.abc import Mapping
from typing import Any

from bayes_ihlrt.data import datasets
from bayes_ihlrt.report.document import Section
from bayes_ihlrt.report.outputs import Kind, Output, Results
from bayes_ihlrt.report.plain_tables import plain_table, significant
from bayes_ihlrt.report.table_model import Column, Table, text


def closing_sections(results: Results) -> tuple[Section, ...]:
    """Return what was analysed and by what: specifications, data, versions and seeds.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    tuple of Section
        Specification of each output, data, provenance.
    """
    return (*_specifications(results), *_data(results), _provenance(results))


def _specifications(results: Results) -> list[Section]:
    many = sum(bool(output.specification) for output in results.outputs) > 1
    found: list[Section] = []
    for output in results.outputs:
        if output.specification:
            anchor = "plan-specification" if output.kind is Kind.PLAN else "specification"
            taken = any(section.anchor == anchor for section in found)
            title = f"Specification of {output.kind.value}" if many else "Specification"
            found.append(
                Section(
                    f"{anchor}-{output.kind.value}" if taken else anchor,
                    title,
                    (f"{output.result['name']}: the whole analysis, to be run again.",),
                    verbatim=output.specification,
                )
            )
    return found


def _data(results: Results) -> list[Section]:
    outputs = [output for output in results.outputs if output.data is not None]
    if not outputs:
        return []
    data: Mapping[str, Any] = outputs[0].data or {}
    rows = [
        {"item": "Data", "value": data["name"] or "not named"},
        {"item": "Synthetic", "value": data["synthetic"]},
        {"item": "Patients", "value": data["patients"]},
        {"item": "Rows of person-time", "value": data["rows"]},
        {"item": "Events", "value": data["events"]},
        {"item": "Person-months", "value": round(data["months"], 1)},
        *_by_state(outputs[0]),
        {"item": "Patients left out", "value": len(data["dropped"])},
        *[
            {"item": f"Fingerprint of the data read by {output.kind.value}", "value": fingerprint}
            for output in outputs
            if (fingerprint := (output.data or {}).get("fingerprint")) is not None
        ],
    ]
    reasons = list(data["dropped"].values())
    left = tuple(
        f"{reasons.count(reason)} left out: {reason}." for reason in dict.fromkeys(reasons)
    ) or ("No patient was left out; no value that the analysis reads is missing.",)
    value = Column("Value", lambda row: significant(row["value"]), "value", numeric=False)
    table = Table("data", "Cohort and person-time", (text("Item", "item"), value), tuple(rows))
    return [Section("data", "Data", (*_origin(data), *left), tables=(table,))]


def _by_state(output: Output) -> list[dict[str, Any]]:
    return [
        {
            "item": f"Person-time {state}",
            "value": f"{found['patients']:,.0f} patients, {found['events']:,.0f} events, "
            f"{found['months']:,.1f} person-months",
        }
        for state in ("untreated", "treated")
        if (found := output.brief.get(state)) is not None
    ]


def _origin(data: Mapping[str, Any]) -> list[str]:
    """Source and licence of a packaged data set."""
    if data["name"] not in datasets.names():
        return []
    about = datasets.describe(data["name"])
    doi = f" doi {about.doi}." if about.doi else ""
    return [f"{about.title}. Source: {about.source} Licence: {about.licence} {about.citation}{doi}"]


def _provenance(results: Results) -> Section:
    rows = []
    for output in results.outputs:
        own = {
            "command": output.kind.value,
            "name": output.result.get("name"),
            "seed": output.result.get("seed"),
            **(output.result.get("versions") or {}),
            "SHA-256 of result.json": output.checksum,
        }
        rows.append(own)
    keys = list(dict.fromkeys(key for row in rows for key in row if key != "command"))
    turned = [
        {"item": key, **{row["command"]: _plain(row.get(key)) for row in rows}} for key in keys
    ]
    tables = [plain_table("provenance", "Versions, seeds and checksums", turned)]
    cohorts = [prior for output in results.outputs for prior in output.design_priors]
    if cohorts:
        title = "Cohorts whose posterior is the truth of a scenario"
        tables.append(plain_table("design-priors", title, cohorts))
    return Section("provenance", "Versions and seeds", tables=tuple(tables))


def _plain(value: object) -> str | None:
    return None if value is None else str(value)
