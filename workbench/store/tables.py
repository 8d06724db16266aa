"""The tables of the store as SQLAlchemy sees them; ``migrations/`` creates them, and a test holds the two equal.

Moments are text in UTC with microseconds (so that they sort), nested values are JSON text.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

# The newest migration. A store with this revision needs no Alembic to be opened.
REVISION = "0005"

metadata = MetaData()


def _text(name: str, *, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, primary_key=key)


def _number(name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=null, primary_key=key, autoincrement=False)


operations = Table(
    "operations",
    metadata,
    _number("number", key=True),
    _text("kind"),
    _text("state"),
    _text("targets"),
    _text("who"),
    _text("at"),
    _text("why"),
    _text("promotion", null=True),
    _text("run", null=True),
    Index("operations_state", "state"),
)

promotions = Table(
    "promotions",
    metadata,
    _number("number", key=True),
    _text("notebook"),
    _text("notebook_sha256"),
    _text("why"),
    _text("who"),
    _text("at"),
    _text("status"),
    _text("digest"),
    _text("candidates"),
    Index("promotions_status", "status"),
)

versions = Table(
    "versions",
    metadata,
    _text("pipeline", key=True),
    _number("number", key=True),
    _text("promotion"),
    _text("at"),
    _text("manifest_sha256"),
    _text("module_sha256"),
    _text("contract_sha256"),
    _text("notebook_sha256"),
)

approvals = Table(
    "approvals",
    metadata,
    _number("number", key=True),
    _text("promotion"),
    _text("who"),
    _text("at"),
    _text("digest"),
    _text("decision"),
    _text("why"),
    Index("approvals_promotion", "promotion"),
)

runs = Table(
    "runs",
    metadata,
    _number("number", key=True),
    _text("pipeline"),
    _number("version"),
    _text("interval_start", null=True),
    _text("interval_end", null=True),
    _text("parameters"),
    _text("status"),
    _text("started"),
    _text("finished", null=True),
    _text("snapshot", null=True),
    _number("rows", null=True),
    _text("code_sha256"),
    _text("checks"),
    _text("notebook"),
    _text("error"),
    _text("who"),
    _text("facts"),
    Index("runs_pipeline", "pipeline", "number"),
    Index("runs_status", "status"),
)

# A lease is held by whoever has the highest token; a holder with a lower one has lost it.
leases = Table(
    "leases",
    metadata,
    _text("name", key=True),
    _text("holder"),
    _number("token"),
    _text("expires"),
)

# One row for each interval that the scheduler has begun, given up or left out and that a later one has not overtaken.
intervals = Table(
    "intervals",
    metadata,
    _text("pipeline", key=True),
    _text("start", key=True),
    _text("end"),
    _text("state"),
    _number("attempt"),
    _text("not_before", null=True),
    _text("run", null=True),
    _text("error"),
    Index("intervals_state", "state"),
    Index("intervals_end", "pipeline", "end"),
)

lineage = Table(
    "lineage",
    metadata,
    _text("pipeline", key=True),
    _number("version", key=True),
    _text("column", key=True),
    _text("role", key=True),
    _text("input", key=True),
    _text("input_column", key=True),
    Index("lineage_input", "input", "input_column"),
)

alerts = Table(
    "alerts",
    metadata,
    _number("number", key=True),
    _text("pipeline"),
    _text("kind"),
    _text("message"),
    _text("raised"),
    _text("resolved", null=True),
    Index("alerts_pipeline", "pipeline", "number"),
)

# Rows that broke a check and were held back; "releasing" while readers are being moved to a result with them.
quarantine = Table(
    "quarantine",
    metadata,
    _number("number", key=True),
    _text("pipeline"),
    _number("version"),
    _text("run"),
    _text("interval_start", null=True),
    _text("interval_end", null=True),
    _number("rows"),
    _text("file"),
    _text("checks"),
    _text("state"),
    _text("at"),
    _text("who"),
    _text("why"),
    _text("decided", null=True),
    _text("operation", null=True),
    Index("quarantine_pipeline", "pipeline", "state"),
)

# The last sign of life of a run, kept apart from what is known of it; ``number`` is the run's, ``memory`` in bytes.
beats = Table("beats", metadata, _number("number", key=True), _text("at"), _number("memory"))

backfills = Table(
    "backfills",
    metadata,
    _number("number", key=True),
    _text("pipeline"),
    _number("version"),
    _text("digest"),
    _text("plan"),
    _text("state"),
    _text("at"),
    _text("who"),
    _text("process"),
    _text("finished", null=True),
    Index("backfills_state", "state"),
)

backfill_intervals = Table(
    "backfill_intervals",
    metadata,
    _number("backfill", key=True),
    _text("start", key=True),
    _text("end"),
    _text("state"),
    _text("run", null=True),
    _text("error"),
)

# Versions that readers should leave; what was decided before stands in the ledger.
deprecations = Table(
    "deprecations",
    metadata,
    _text("pipeline", key=True),
    _number("version", key=True),
    _text("until"),
    _text("instead"),
    _text("why"),
    _text("who"),
    _text("at"),
)

# Pipelines that were taken out of production; ``readers`` is "kept" while they still see the last data, else "withdrawn".
demotions = Table(
    "demotions",
    metadata,
    _text("pipeline", key=True),
    _number("version"),
    _text("snapshot"),
    _text("readers"),
    _text("operation"),
    _text("why"),
    _text("who"),
    _text("at"),
)

# Promotions whose candidates run beside production: shown to chosen readers ("canary"), or to nobody ("shadow").
# ``pending`` is what the row becomes when ``operation``, which is under way, is done.
beside = Table(
    "beside",
    metadata,
    _number("number", key=True),
    _text("kind"),
    _text("promotion"),
    _text("state"),
    _number("share"),
    _text("readers"),
    _number("runs"),
    _number("seconds", null=True),
    _text("data"),
    _number("since"),
    _text("who"),
    _text("at"),
    _text("why"),
    _text("ended", null=True),
    _text("outcome"),
    _text("reason"),
    _text("operation", null=True),
    _text("pending", null=True),
    Index("beside_promotion", "promotion"),
    Index("beside_state", "state"),
)

# A candidate's run beside a run of the live version; ``beside`` is the row that it was made for.
trials = Table(
    "trials",
    metadata,
    _number("number", key=True),
    _number("beside"),
    _text("pipeline"),
    _number("version"),
    _text("run"),
    _text("state"),
    _number("attempt"),
    _text("process"),
    _text("started"),
    _text("finished", null=True),
    _text("snapshot", null=True),
    _number("rows", null=True),
    _text("facts"),
    _text("gates"),
    _text("error"),
    Index("trials_beside", "beside", "run"),
)

ledger = Table(
    "ledger",
    metadata,
    _number("seq", key=True),
    _text("at"),
    _text("kind"),
    _text("payload"),
    _text("previous"),
    _text("hash"),
)
