"""What is wrong, told in the words of who reads it, by exceptions that can be passed on."""

import pickle

import pytest

from bayes_ihlrt.cli.app import flag
from bayes_ihlrt.errors import (
    OPTION,
    ConvergenceError,
    DataError,
    Fault,
    InputError,
    MissingExtraError,
    OutputError,
)
from bayes_ihlrt.parts import failure_of

FAULTS = (Fault("file a", "it exists", "Name another"), Fault("b", "it is 3", "Give 2", ("b = 2",)))


@pytest.mark.parametrize(
    "error",
    [
        InputError("cohort.csv", iter(FAULTS)),
        DataError("cohort.csv", FAULTS[:1]),
        ConvergenceError("no mode was found", "State tighter priors"),
        ConvergenceError("no mode was found"),
        OutputError("broken pipe"),
        MissingExtraError("gpu", "engine on a GPU"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_out_of_a_pickle_as_it_went_in(error):
    error.add_note("What was written is kept.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_part_that_its_data_left_out_can_be_kept():
    failure = failure_of("split, crude", InputError("cohort.csv", FAULTS))
    again = pickle.loads(pickle.dumps(failure))
    assert again == failure
    assert again.fault.faults == FAULTS


@pytest.mark.parametrize(
    ("option", "python", "command"),
    [
        ("overwrite=True", "Give overwrite=True.", "Give --overwrite."),
        ("keep_identifiers=True", "Give keep_identifiers=True.", "Give --keep-identifiers."),
        ("month", "Give month.", "Give --month."),
        ("cause='tumour'", "Give cause='tumour'.", "Give --cause tumour."),
        ('cause="liver\'s"', 'Give cause="liver\'s".', """Give --cause 'liver'"'"'s'."""),
    ],
)
def test_an_option_is_told_in_words_of_who_reads(option, python, command):
    error = InputError("run", [Fault("file a", "it exists", f"Give {OPTION}", option=option)])
    assert str(error) == f"run: 1 fault\n  - file a: it exists. {python}"
    assert error.said(flag) == f"run: 1 fault\n  - file a: it exists. {command}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_option_stands_wherever_a_fault_names_it():
    fault = Fault(OPTION, f"{OPTION} is 3", f"Leave {OPTION} out", option="month")
    assert str(fault) == "month: month is 3. Leave month out."
    assert failure_of("part", InputError("run", [fault])).reason == "month: month is 3"


def test_what_looks_like_an_option_in_a_file_is_told_as_it_stands():
    fault = Fault(f"column {OPTION}", "it is missing", "Name another column")
    assert str(fault) == "column {option}: it is missing. Name another column."
    assert fault.said(flag) == fault
