"""The school calendar: days and hours in which a district's people are written to (M17)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from shared.domain.district import WEEKDAYS, District

_LONGEST_WAIT_DAYS = 366


def is_school_day(district: District, day: date) -> bool:
    """Whether this day is one of the district's weekdays, within a term, and no holiday."""
    settings = district.nudges
    return (
        WEEKDAYS[day.weekday()] in settings.school_days
        and (not settings.terms or any(day in term for term in settings.terms))
        and not any(day == holiday if isinstance(holiday, date) else day in holiday for holiday in settings.holidays)
    )


def closes_at(district: District, moment: datetime) -> datetime:
    """When the hours end in which this moment lies, one at which people may be written to."""
    day = moment.astimezone(district.zone).date()
    return next(closes for _, closes in _open_moments(district, day) if moment < closes)


def next_allowed(district: District, moment: datetime) -> datetime:
    """Return the first moment, from this one on, on a school day of the district and outside of its quiet hours.

    If the next year has none, a year from this moment: it is asked again then, before anything goes out. Days are those of
    the district's time zone, with 23 to 25 hours.
    """
    local = moment.astimezone(district.zone)
    for days in range(_LONGEST_WAIT_DAYS):
        day = local.date() + timedelta(days=days)
        if not is_school_day(district, day):
            continue
        for opens, closes in _open_moments(district, day):
            if moment < closes:
                return max(moment, opens)
    return moment + timedelta(days=_LONGEST_WAIT_DAYS)


def _open_moments(district: District, day: date) -> list[tuple[datetime, datetime]]:
    """From when until when a day of the district is not quiet."""
    return [
        (
            moment_of(district, day, start),
            moment_of(district, day, end) if end else moment_of(district, day + timedelta(days=1)),
        )
        for start, end in _open_hours(district.nudges.quiet_hours)
    ]


def _open_hours(quiet: tuple[time, ...]) -> list[tuple[time, time | None]]:
    """The parts of a day that are not quiet; None is midnight at its end."""
    if not quiet or quiet[0] == quiet[1]:
        return [(time(), None)]
    start, end = quiet
    if start > end:
        return [(end, start)]
    return [(time(), start), (end, None)] if start > time() else [(end, None)]


def moment_of(district: District, day: date, hour: time = time()) -> datetime:
    """The moment (UTC) at which this day's hour, or the day itself, begins in the district's time zone."""
    return datetime.combine(day, hour, district.zone).astimezone(UTC)
