"""Times of messages as text, quickly. All times are UTC; a time is a day and the milliseconds since its midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

DAY_MILLIS = 86_400_000
_SECONDS = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
_MILLIS = [f".{ms:03d}Z" for ms in range(1000)]
_AHEAD = timezone(timedelta(hours=1))


class Clock:
    """Writes times near one day."""

    def __init__(self, day: date) -> None:
        self._midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        self._prefix = f"{day.isoformat()}T"

    def write(self, millis: int) -> str:
        """The time with milliseconds and `Z`; milliseconds may lie outside of the day."""
        if 0 <= millis < DAY_MILLIS:
            return f"{self._prefix}{_SECONDS[millis // 1000]}{_MILLIS[millis % 1000]}"
        return self._moment(millis).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def write_ahead(self, millis: int) -> str:
        """The same instant by a clock one hour ahead of UTC."""
        return self._moment(millis).astimezone(_AHEAD).isoformat(timespec="milliseconds")

    def epoch_millis(self, millis: int) -> int:
        """The instant as milliseconds since 1970."""
        return int(self._midnight.timestamp()) * 1000 + millis

    def _moment(self, millis: int) -> datetime:
        return self._midnight + timedelta(milliseconds=millis)
