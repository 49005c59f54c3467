"""When school is: days and hours in which a district's people are written to (M17)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from shared.domain.district import District

_LONGEST_WAIT_DAYS = 366


def next_allowed(district: District, moment: datetime) -> datetime:
    """The first moment from this one on that lies on a school day of the district's calendar, outside of the quiet hours.

    Where the next year has none, a year from this moment: it is asked again then, before anything goes out.

    Computed on the district's own clock, whose days have 23 to 25 hours.
    """
    settings = district.nudges
    local = moment.astimezone(district.zone)
    for days in range(_LONGEST_WAIT_DAYS):
        day = local.date() + timedelta(days=days)
        if not settings.is_school_day(day):
            continue
        for start, end in _open_hours(settings.quiet_hours):
            opens = _at(day, start, district)
            closes = _at(day, end, district) if end else _at(day + timedelta(days=1), time(), district)
            if moment < closes:
                return max(moment, opens)
    return moment + timedelta(days=_LONGEST_WAIT_DAYS)


def _open_hours(quiet: tuple[time, time] | tuple[()]) -> list[tuple[time, time | None]]:
    """The parts of a day that are not quiet; None is midnight at its end."""
    if not quiet or quiet[0] == quiet[1]:
        return [(time(), None)]
    start, end = quiet
    if start > end:
        return [(end, start)]
    return [(time(), start), (end, None)] if start > time() else [(end, None)]


def _at(day: date, at: time, district: District) -> datetime:
    return datetime.combine(day, at, district.zone).astimezone(UTC)
