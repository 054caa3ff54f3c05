"""How much an upstream bears."""

from __future__ import annotations

from aioresolver.backends.window import Window


def fill(window: Window) -> None:
    window.used = int(window.size)


def test_a_window_grows_while_all_is_answered() -> None:
    window = Window(1000)
    assert window.size == 100
    for _ in range(2000):
        fill(window)
        window.answered(1, 0.01, 0.0)
    assert window.size == 1000


def test_an_idle_window_does_not_grow() -> None:
    window = Window(1000)
    for _ in range(500):
        window.used = 1
        window.answered(1, 0.01, 0.0)
    assert window.size == 100


def test_a_window_does_not_grow_while_replies_wait() -> None:
    window = Window(1000)
    window.answered(1, 0.01, 0.0)
    for _ in range(500):
        fill(window)
        window.answered(1, 0.2, 0.0)
    assert window.size == 100


def outcomes(window: Window, now: float, *, answered: int, lost: int) -> None:
    for _ in range(answered):
        window.answered(1, 0.01, 0.0)
    for _ in range(lost):
        window.lost(1, now)


def test_a_window_shrinks_when_loss_begins_and_grows_slowly_from_there() -> None:
    window = Window(1000)
    window.size = 800.0
    outcomes(window, 1.0, answered=900, lost=100)
    # The first loss of the interval judges it; the rest count for the next.
    outcomes(window, 2.0, answered=100, lost=30)
    assert window.size < 800
    size = window.size
    for _ in range(100):
        fill(window)
        window.answered(1, 0.01, 0.0)
    assert size < window.size < size + 2


def test_loss_that_a_retreat_does_not_cure_is_the_path_s() -> None:
    window = Window(1000)
    window.size = 800.0
    sizes = []
    for now in range(1, 20):
        outcomes(window, float(now), answered=950, lost=50)
        sizes.append(window.size)
    assert min(sizes) > 300


def test_a_window_keeps_a_floor() -> None:
    window = Window(1000)
    for now in range(1, 50):
        share = 10 + now * 8
        outcomes(window, float(now), answered=1000 - share, lost=share)
    assert window.size >= Window.LEAST
