from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from mixtura.cli.session import Session, command_line, stoppable


@pytest.fixture
def session() -> Session:
    return Session("mixtura fit a.csv", started=time.perf_counter())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_raises_and_is_remembered(session: Session, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    if before in (signal.SIG_IGN, None):
        pytest.skip(f"{number.name} is ignored here, and stays so")
    with stoppable(session):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert session.stopped_by == number
        with pytest.raises(KeyboardInterrupt):
            session.check()
    assert signal.getsignal(number) == before


def test_an_impatient_second_signal_does_not_cut_the_tidying_short(session: Session) -> None:
    tidied = False
    with stoppable(session), pytest.raises(KeyboardInterrupt):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            tidied = True
    assert tidied


def test_a_signal_that_was_ignored_stays_ignored(session: Session) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable(session):
            os.kill(os.getpid(), signal.SIGHUP)
        assert session.stopped_by is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_the_handlers_alone(session: Session) -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with stoppable(session):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_check_passes_unless_asked_to_stop(session: Session) -> None:
    session.check()


def test_the_command_line_can_be_typed_again() -> None:
    assert command_line(["fit", "a b.csv", "--drop", "x;y"]) == "mixtura fit 'a b.csv' --drop 'x;y'"
