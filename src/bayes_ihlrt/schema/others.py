"""`protocol.json` and `manifest.json`."""

from bayes_ihlrt.schema.base import JsonFile, NamedFile, Record, key


class Component(Record):
    """A component of the target trial."""

    component: str = key("what it is called")
    target_trial: str = key("in the target trial")
    emulation: str = key("in these data")
    assumption: str = key("what the emulation rests on")


class SpecificationDifference(Record):
    """What another specification says otherwise."""

    part: str = key("of the specification")
    what: str = key("that differs")
    here: str = key("in this specification")
    there: str = key("in the other")


class Against(Record):
    """What differs from another specification."""

    specification: str = key("its file")
    differences: list[SpecificationDifference] = key("in words")


class ProtocolFile(NamedFile):
    """`protocol.json` of `protocol`.

    Written by `bayes-ihlrt protocol --out`, and printed by `--json`, before any fit and blind to
    results.
    """

    synthetic: bool = key("whether the data were simulated")
    blind: str = key("what it was written without")
    components: list[Component] = key("the target trial and its emulation")
    against: Against | None = key("`null` where it is compared with none")


class ManifestFile(JsonFile):
    """`manifest.json`.

    Every command writes it last: `report` and `export` refuse files that are missing or of another
    run.
    """

    sha256: dict[str, str] = key("SHA-256 of every file, by its path in the folder")
