"""Every rate limit of the pages (docs/security.md). ``kind`` is part of the counter's key."""

from __future__ import annotations

from datetime import timedelta

from shared.stores.rate_limits import Limit

_QUARTER, _HOUR, _DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)

LOGIN = Limit("login", 10, _QUARTER)
"""Of one account, by whichever of its names."""
LOGIN_FROM = Limit("login_from", 3000, _QUARTER)
"""From one network address: a whole school may share it."""
LOGIN_CODE = Limit("login_code", 5, _QUARTER)
"""Answers to a second factor, of one account."""
DISTRICT_LOGIN = Limit("district_login", 200_000, _QUARTER)
"""Of one district: one of a million students that begins its day at once stays below."""
FORGOTTEN = Limit("forgotten", 5, _HOUR)
"""Codes for a new password, for one name."""
FORGOTTEN_FROM = Limit("forgotten_from", 300, _HOUR)
"""Codes for a new password, from one network address."""
NEW_PASSWORD = Limit("new_password", 5, _QUARTER)
"""Tries of such a code, for one name."""

ACTIVATION = Limit("activation", 300, _HOUR)
"""Wrong addresses of an activation mail: of one activation, or from one network address."""
NOTICE = Limit("notice", 300, _HOUR)
"""Wrong addresses of a notice: of one notice, or from one network address."""

# What somebody types who has to know the mail's address: few tries from one place, more from anywhere, so that a robot
# that presses buttons does not use up the tries of the mail's owner.
ANOTHER_MAIL_FROM = Limit("another_mail_from", 5, _DAY)
ANOTHER_MAIL = Limit("another_mail", 50, _DAY)
NOTICE_UNDO_FROM = Limit("notice_undo_from", 5, _DAY)
NOTICE_UNDO = Limit("notice_undo", 50, _DAY)

DOWNLOAD = Limit("download", 60, _HOUR)
"""Of one account."""
INVITE_AGAIN = Limit("invite_again", 500, _DAY)
"""Of one district, by its administrators."""
