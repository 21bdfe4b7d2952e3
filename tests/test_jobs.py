"""Jobs report, can be stopped between two reports, and hand on results and errors."""

import pytest

from core.jobs import Progress, between, finish


def steps(log, count=3):
    try:
        for i in range(count):
            yield Progress(i / count, f"step {i}")
            log.append(i)
        return sum(log)
    finally:
        log.append("end")


def test_finish_returns_the_result():
    log = []
    assert finish(steps(log)) == 0 + 1 + 2
    assert log == [0, 1, 2, "end"]


def test_a_job_without_a_report_still_has_a_result():
    assert finish(steps([], count=0)) == 0


def test_a_job_stops_between_two_reports():
    log = []
    job = steps(log)
    assert next(job) == Progress(0, "step 0")
    assert next(job).note == "step 1"
    job.close()
    assert log == [0, "end"]


def test_an_error_passes_through():
    def broken():
        yield Progress(0.5, "half way")
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        finish(broken())


def test_jobs_nest():
    def outer():
        return 10 * (yield from steps([]))

    assert finish(outer()) == 30


def test_a_part_of_a_larger_job_fills_its_range_and_hands_on_its_result():
    reports, job = [], between(0.5, 1.0, steps([], count=2), prefix="part: ")
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            assert end.value == 0 + 1
            break
    assert reports == [Progress(0.5, "part: step 0"), Progress(0.75, "part: step 1")]


def test_closing_the_larger_job_closes_its_part():
    log = []
    job = between(0.0, 0.5, steps(log))
    next(job)
    job.close()
    assert log == ["end"]
