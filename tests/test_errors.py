from __future__ import annotations

import inspect

import pytest

from mixtura import errors

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_belongs_to_one_of_the_two_families(kind) -> None:
    assert issubclass(kind, errors.MixturaError) != issubclass(kind, errors.MixturaWarning)
    assert kind.__doc__


def test_classes_are_what_a_caller_of_other_libraries_expects() -> None:
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.ModelFileError, errors.InputError)
    assert issubclass(errors.TrainingError, RuntimeError)
    assert issubclass(errors.MixturaWarning, UserWarning)
