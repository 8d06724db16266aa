"""A scheduler's signs of life, for people and for systemd."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket

from workbench.operate.heartbeat import Heartbeat, folder, schedulers


def test_systemd_is_told_that_a_scheduler_is_ready_lives_and_stops(production, monkeypatch):
    place = str(production.root / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(place)
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", place)
        with Heartbeat(production.workspace) as heart:
            heart.beat(None)  # too soon for another
        told = [systemd.recv(100).decode() for _ in range(3)]
    assert told == ["WATCHDOG=1", "READY=1", "STOPPING=1"]
    monkeypatch.setenv("NOTIFY_SOCKET", str(production.root / "nobody"))
    with Heartbeat(production.workspace):
        pass


def test_the_file_of_a_scheduler_is_there_while_it_lives_and_the_next_one_clears_up_after_a_dead_one(production):
    due = dt.datetime(2026, 1, 1, 6, tzinfo=dt.UTC)
    with Heartbeat(production.workspace) as heart:
        heart._at = -1e9
        heart.beat(due)
        (only,) = schedulers(production.workspace)
        assert (only["pid"], only["alive"], only["look_again"]) == (os.getpid(), True, "2026-01-01T06:00:00Z")
        dead = folder(production.workspace) / "gone-1.json"
        dead.write_text(json.dumps(only | {"pid": 1, "process": "0"}))
        (folder(production.workspace) / "half-2.json").write_text('{"pid"')
        assert {each["pid"]: each["alive"] for each in schedulers(production.workspace)} == {os.getpid(): True, 1: False}
    with Heartbeat(production.workspace):
        assert not dead.exists()
    assert schedulers(production.workspace) == []
