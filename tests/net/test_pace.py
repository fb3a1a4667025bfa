"""Waits, the number of requests at a time, and when a host counts as down; all without a network or a real clock."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.net.hosts import Hosts
from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.request import Fault
from yolobg.net.retries import backoff_s, retry_after_s
from yolobg.net.turns import Turns

LIMITS = Limits()
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        (" 2 ", 2.0),
        ("999999999999999999999999", LIMITS.backoff_cap_s),
        ("Mon, 23 Nov 2026 12:00:03 GMT", 3.0),
        ("Mon, 23 Nov 2026 12:00:03", 3.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Mon, 23 Nov 2099 12:00:00 GMT", LIMITS.backoff_cap_s),
        ("Mon, 99 Nov 2026 12:00:03 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, cap_s=LIMITS.backoff_cap_s, now=NOW) == seconds


@given(st.text(max_size=40))
def test_retry_after__any_text_is_bounded(header: str) -> None:
    wait = retry_after_s(header, cap_s=LIMITS.backoff_cap_s, now=NOW)
    assert wait is None or 0 <= wait <= LIMITS.backoff_cap_s


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff__grows_and_is_bounded(tried: int, luck: float) -> None:
    wait = backoff_s(tried, cap_s=LIMITS.backoff_cap_s, jitter=lambda: luck)
    assert 0 <= wait <= LIMITS.backoff_cap_s
    assert wait <= backoff_s(tried + 1, cap_s=LIMITS.backoff_cap_s, jitter=lambda: luck)


def simulate(pace: Pace, clock: Clock, *, answers: int, rate: float) -> list[int]:
    """Let answers come in at the rate that `limit` requests at a time give, at most `rate` per second, 0.1 s each."""
    limits = []

    for _ in range(answers):
        pace.was_full()
        clock.now += 1 / min(rate, pace.limit / 0.1)
        pace.succeeded()
        limits.append(pace.limit)
    return limits


def test_pace__grows_to_the_ceiling_while_throughput_grows() -> None:
    clock = Clock()
    limits = simulate(Pace(None, limits=LIMITS, clock=clock), clock, answers=1000, rate=1e9)
    assert limits[0] == LIMITS.start
    assert max(limits) == LIMITS.ceiling
    assert limits.index(LIMITS.ceiling) < 500


def test_pace__stays_modest_when_more_gives_nothing() -> None:
    clock = Clock()
    limits = simulate(Pace(None, limits=LIMITS, clock=clock), clock, answers=20_000, rate=60)
    assert max(limits) <= 2 * LIMITS.start
    assert limits[-1] <= 2 * LIMITS.start


def test_pace__halves_once_for_a_burst_and_again_for_the_next() -> None:
    pace = Pace(None, limits=LIMITS, clock=Clock())
    assert pace.limit == 8
    pace.slow_down()
    assert pace.limit == 4
    pace.slow_down()
    pace.slow_down()
    assert pace.limit == 4
    for _ in range(50):
        pace.slow_down()
    assert pace.limit == LIMITS.floor


def test_pace__a_fixed_number_never_changes() -> None:
    clock = Clock()
    pace = Pace(3, limits=LIMITS, clock=clock)
    pace.slow_down()
    assert set(simulate(pace, clock, answers=100, rate=1e9)) == {3}


def test_turns__never_more_than_the_limit_and_nothing_is_forgotten() -> None:
    turns: Turns[int] = Turns(Pace(3, limits=LIMITS))
    done: list[int] = []
    lock, at_work, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal at_work, most
        while (item := turns.take()) is not None:
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.001)  # so that others are at work meanwhile
            with lock:
                at_work -= 1
                done.append(item)
            turns.give_back()
            if item < 20:  # once more, a little later
                turns.add(item + 100, wait_s=0.01)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for item in range(50):
        turns.add(item)
    until = time.monotonic() + 30
    while len(done) < 70 and time.monotonic() < until:
        time.sleep(0.005)  # leaves the interpreter to the workers
    turns.close()
    for thread in threads:
        thread.join(10)
    assert sorted(done) == [*range(50), *range(100, 120)]
    assert most == 3


def test_turns__what_waited_its_time_comes_before_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("yolobg.net.turns.time", SimpleNamespace(monotonic=clock))
    turns: Turns[str] = Turns(Pace(1, limits=LIMITS))
    turns.add("second", wait_s=0.002)
    turns.add("first", wait_s=0.001)
    turns.add("new")
    clock.now += 0.01
    taken = []
    for _ in range(3):
        taken.append(turns.take())
        turns.give_back()
    turns.close()
    assert (*taken, turns.take()) == ("first", "second", "new", None)


REFUSED = Fault("connection", "refused")


def test_hosts__a_stopped_host_is_probed_and_then_down() -> None:
    clock = Clock()
    hosts = Hosts(["http://a", "http://b"], limits=LIMITS, clock=clock)
    first, second = hosts.all
    for _ in range(LIMITS.host_failures):
        assert hosts.pick((), 0) is first
        hosts.failed(first, REFUSED)
    assert first.stopped_at == clock.now
    assert hosts.pick((), 0) is second
    probes = 0
    while not first.down:
        clock.now += 0.05
        if hosts.pick((1,), 0) is first:
            assert hosts.pick((1,), 0) is None, "one probe at a time"
            probes += 1
            hosts.failed(first, REFUSED)
    assert 3 <= probes <= LIMITS.host_probes
    assert clock.now - 100 < 8
    assert not hosts.all_down
    assert "http://a: refused" in hosts.describe()


def test_hosts__that_drip_are_given_up_after_few_requests() -> None:
    """Each such request takes long, so one after the other, as for a few images, would hold the run for minutes."""
    clock = Clock()
    hosts = Hosts(["http://a", "http://b", "http://c"], limits=LIMITS, clock=clock)
    asked = 0
    while not hosts.all_down:
        host = hosts.pick((), asked)
        clock.now += 0.05 if host is None else LIMITS.slow_after_s
        if host is not None:
            asked += 1
            hosts.failed(host, Fault("slow", "only 20 bytes per second"))
    assert asked <= 4 * len(hosts.all)


def test_hosts__a_few_slow_answers_at_once_are_no_drip() -> None:
    clock = Clock()
    (host,) = (hosts := Hosts(["http://a"], limits=LIMITS, clock=clock)).all
    for _ in range(LIMITS.host_failures - 1):
        hosts.failed(host, Fault("slow", "no answer in time"))
    assert host.stopped_at is None


def test_hosts__one_good_answer_makes_it_well() -> None:
    clock = Clock()
    hosts = Hosts(["http://a"], limits=LIMITS, clock=clock)
    (host,) = hosts.all
    for _ in range(LIMITS.host_failures):
        hosts.failed(host, REFUSED)
    assert hosts.pick((), 0) is None
    clock.now += 1
    assert hosts.pick((), 0) is host
    hosts.answered(host, "good images")
    assert [hosts.pick((), turn) for turn in range(3)] == [host] * 3


def test_hosts__each_failure_moves_on_and_gone_ones_are_left_out() -> None:
    hosts = Hosts(["http://a", "http://b", "http://c"], limits=LIMITS)
    a, b, c = hosts.all
    assert [hosts.pick((), turn) for turn in range(4)] == [a, b, c, a]
    assert [hosts.pick((0,), turn) for turn in range(3)] == [b, c, b]
    assert not hosts.has_any((0, 1, 2))
    hosts.failed(c, Fault("untrusted", "expired"))
    assert not hosts.has_any((0, 1))


def test_retry_after__a_date_without_a_zone_is_utc() -> None:
    moment = (NOW + timedelta(seconds=4)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after_s(moment, cap_s=LIMITS.backoff_cap_s, now=NOW) == 4.0
