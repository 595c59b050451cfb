"""What is wrong, told: as an exception that can be passed on between processes."""

import pickle

import pytest

from bayes_ihlrt.errors import (
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
