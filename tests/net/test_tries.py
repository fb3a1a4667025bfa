"""The one rule of tries for images and annotations: whom to ask, when to wait, when to give up; without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yolobg.net.hosts import Host, Hosts
from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.request import Fault
from yolobg.net.tries import Lost, Tries

LIMITS = Limits(backoff_s=0.001, backoff_cap_s=30.0)
BUSY = Fault("busy", "HTTP 503")


class Asked:
    """Answers by host: a fault to raise, or what is wanted."""

    def __init__(self, **answers: Fault | str) -> None:
        self.answers = answers
        self.order: list[str] = []

    def __call__(self, host: Host) -> str:
        name = host.base.removeprefix("http://")
        self.order.append(name)
        answer = self.answers[name]
        if isinstance(answer, Fault):
            raise answer
        return answer


def tries_of(*names: str, limits: Limits = LIMITS, within_s: float = float("inf")) -> Tries:
    hosts = Hosts([f"http://{name}" for name in names], limits=limits)
    return Tries(hosts, Pace(None, limits=limits), within_s=within_s)


def run(tries: Tries, asked: Asked) -> tuple[str, list[float]]:
    """What came of it, and the waits in between (not waited)."""
    waits: list[float] = []
    while isinstance(got := tries.turn(asked), float):
        waits.append(got)
    return got, waits


def test_retry_after__of_one_host_holds_nothing_up_where_another_has_it() -> None:
    asked = Asked(a=Fault("busy", "HTTP 503", retry_after_s=20.0), b="here")
    assert run(tries_of("a", "b"), asked) == ("here", [0.0])
    assert asked.order == ["a", "b"]


def test_retry_after__the_shortest_is_waited_for_once_all_have_failed() -> None:
    asked = Asked(a=Fault("busy", "HTTP 503", retry_after_s=20.0), b=Fault("busy", "HTTP 429", retry_after_s=7.0))
    tries = tries_of("a", "b")
    assert [tries.turn(asked), tries.turn(asked)] == [0.0, 7.0]


def test_tries__a_single_host_is_waited_for_after_each_failure_and_given_up() -> None:
    tries, asked = tries_of("a", limits=replace(LIMITS, backoff_s=1.0)), Asked(a=BUSY)
    waits = [float(tries.turn(asked)) for _ in range(LIMITS.tries - 1)]
    with pytest.raises(Lost, match="http://a: HTTP 503") as lost:
        tries.turn(asked)
    assert lost.value.why == "tried"
    assert tries.attempts == LIMITS.tries
    assert all(0 < wait <= 2.0**number for number, wait in enumerate(waits))


def test_tries__what_a_host_lacks_costs_no_try_and_is_gone_only_if_all_say_so() -> None:
    lacks, leads_away = Fault("gone", "HTTP 404"), Fault("redirect", "it redirects to a file")
    assert run(tries_of("a", "b", "c"), Asked(a=lacks, b=leads_away, c="here")) == ("here", [0.0, 0.0])
    for second, why in ((lacks, "gone"), (leads_away, "tried"), (Fault("untrusted", "expired"), "tried")):
        tries, asked = tries_of("a", "b"), Asked(a=lacks, b=second)
        with pytest.raises(Lost) as lost:
            run(tries, asked)
        assert lost.value.why == why
        assert asked.order == ["a", "b"]
    with pytest.raises(Lost) as lost:
        run(tries_of("a"), Asked(a=Fault("untrusted", "expired")))
    assert lost.value.why == "down"


def test_tries__that_nobody_answers_end_early_and_others_after_their_time() -> None:
    silent = Fault("slow", "no complete answer in time", answered=False)
    with pytest.raises(Lost):
        tries_of("a", limits=replace(LIMITS, silent_s=0.0)).turn(Asked(a=silent))
    assert isinstance(tries_of("a", limits=replace(LIMITS, silent_s=0.0)).turn(Asked(a=BUSY)), float)
    with pytest.raises(Lost, match=r"not fetched within 0 s; last: http://a: HTTP 503"):
        tries_of("a", within_s=0.0).turn(Asked(a=BUSY))


def test_tries__a_request_that_brought_much_is_no_failure() -> None:
    tries = tries_of("a")

    def much(host: Host) -> str:
        tries.advanced(host)
        raise BUSY

    for _ in range(5 * LIMITS.tries):
        assert tries.turn(much) == 0.0
    with pytest.raises(Lost):
        run(tries, Asked(a=BUSY))


def test_tries__slow_the_pace_of_all_and_an_error_is_passed_on() -> None:
    hosts = Hosts(["http://a"], limits=LIMITS)
    pace = Pace(None, limits=LIMITS)
    Tries(hosts, pace).turn(Asked(a=BUSY))
    assert pace.limit == LIMITS.start // 2

    def full(_host: Host) -> str:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Tries(hosts, pace).turn(full)


def test_tries__wait_for_a_host_that_is_being_probed() -> None:
    now = 100.0
    hosts = Hosts(["http://a"], limits=LIMITS, clock=lambda: now)
    pace = Pace(None, limits=LIMITS)
    asked = Asked(a=Fault("connection", "refused"))
    for _ in range(LIMITS.host_failures):
        Tries(hosts, pace).turn(asked)
    assert isinstance(Tries(hosts, pace).turn(asked), float)
    assert len(asked.order) == LIMITS.host_failures, "not due yet"
    now += 0.11  # a probe is due after 0.1 s
    Tries(hosts, pace).turn(asked)
    assert len(asked.order) == LIMITS.host_failures + 1
