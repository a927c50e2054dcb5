import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from stgan.training import StopSignals


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_is_noted_and_the_old_handlers_come_back(name: str) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    with StopSignals() as stop:
        assert not stop.requested
        assert not stop.everywhere()
        assert stop.everywhere(also=True)
        os.kill(os.getpid(), getattr(signal, name))
        assert stop.requested
        assert stop.everywhere()
        assert stop.name == name
        # A second one would now end the program.
        assert {n: signal.getsignal(n) for n in before} == before
    assert {n: signal.getsignal(n) for n in before} == before


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(5)  # Python handles a signal at the next step of the interpreter


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """Python's own handler, also where a shell started the tests with interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_a_second_interrupt_ends_the_loop_at_once() -> None:
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            _interrupt()


def test_handlers_come_back_after_an_error_and_it_can_be_used_again() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    stop = StopSignals(signal.SIGUSR1)
    with suppress(ZeroDivisionError), stop:
        os.kill(os.getpid(), signal.SIGUSR1)
        raise ZeroDivisionError
    assert stop.name == "SIGUSR1"
    assert signal.getsignal(signal.SIGUSR1) == before
    with stop:
        assert not stop.requested


def test_other_threads_are_refused() -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            with StopSignals():
                pass
        except RuntimeError as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "signals are told to the main thread only" in str(found[0])
