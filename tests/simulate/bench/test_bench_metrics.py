"""The arithmetic of throughput, latency and percentiles."""

from __future__ import annotations

import pytest
from pyk8s.simulate.bench.metrics import LATENCIES_MAX, Latencies, Throughput, percentile, summarize


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (90, 9), (95, 10), (99, 10), (1, 1)])
def test_a_percentile_is_the_smallest_value_not_exceeded_by_so_many(percent: float, expected: float) -> None:
    assert percentile(range(1, 11), percent) == expected


def test_a_percentile_of_nothing_is_zero() -> None:
    assert percentile([], 50) == 0.0


def test_a_summary_takes_the_average_it_is_given() -> None:
    assert summarize([3, 1, 2]).data() == {"Average": 2, "Perc50": 2, "Perc90": 3, "Perc95": 3, "Perc99": 3}
    assert summarize([1, 3], average=7).average == 7


def test_long_runs_are_cut_into_windows_of_about_a_second() -> None:
    throughput = Throughput(start_s=100.0)
    for second in range(30):
        throughput.add(100.5 + second, 10 + second)

    windows = throughput.windows()

    assert throughput.duration_s == 29.5 and len(windows) == 30 and throughput.window_s == pytest.approx(29.5 / 30)
    assert sum(windows) * throughput.window_s == pytest.approx(sum(10 + second for second in range(30)))
    assert throughput.summary().average == pytest.approx(sum(10 + s for s in range(30)) / 29.5)


def test_short_runs_get_shorter_windows_that_hold_every_pod() -> None:
    throughput = Throughput(start_s=0.0)
    for tenth in range(1, 21):
        throughput.add(tenth / 10 - 0.001, 5)

    windows = throughput.windows()

    assert len(windows) == 20 and throughput.window_s == pytest.approx(1.999 / 20)
    assert windows == [pytest.approx(5 / throughput.window_s)] * 20


def test_a_run_of_a_moment_is_one_window() -> None:
    throughput = Throughput(start_s=0.0)
    throughput.add(0.004, 8)

    assert throughput.windows() == [2000.0]


def test_a_run_without_pods_has_no_windows() -> None:
    assert Throughput(start_s=0.0).windows() == [] and Throughput(start_s=0.0).summary().average == 0.0


def test_latencies_are_thinned_out_evenly() -> None:
    latencies = Latencies()
    for number in range(3 * LATENCIES_MAX):
        latencies.add(number)

    assert len(latencies) <= LATENCIES_MAX
    assert latencies.summary().perc50 == pytest.approx(1.5 * LATENCIES_MAX, rel=0.35)
