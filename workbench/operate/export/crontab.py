"""Lines for cron that wake the scheduler when something may be due."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from workbench.operate.export import AGAIN, Clock, Place, names, plain

_HEAD = """\
# Written by `workbench export cron`. The scheduler knows what is due, in which order, and what is to be tried again: these
# lines only wake it, and waking it too often costs a fraction of a second. cron mails what they write: a line for each run.
{caveat}
"""
_CAVEAT = """\
# CRON_TZ is known to cronie (Fedora, Red Hat, Arch) and systemd-cron, not to the cron of Debian and Ubuntu nor to busybox:
# there the lines go by the machine's time zone, and what is due is begun by the last line, up to 15 minutes late."""


def lines(clocks: Sequence[Clock], place: Place) -> str:
    """A crontab: a line for each clock, and one that looks after attempts whose time has come."""
    zones = {clock.timezone for clock in clocks}
    wake = f"cd {shlex.quote(place.workspace)} && {place.command} scheduler run --once > /dev/null"
    wake = wake.replace("%", r"\%")  # which cron takes for a line break
    said = [_HEAD.format(caveat=_CAVEAT if zones - {"UTC"} else "# They go by UTC: CRON_TZ says so where cron knows it.")]
    for clock in clocks:
        said.append(f"# {names(clock.jobs)}\nCRON_TZ={clock.timezone}\n{plain(clock.cron)} {wake}\n")
    said.append(f"# what is to be tried again, and whatever a line above has missed\n{AGAIN} {wake}")
    return "\n".join(said) + "\n"
