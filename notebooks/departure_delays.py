import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import altair as alt
    import ibis
    import marimo as mo

    import workbench as wb

    return alt, ibis, mo, wb


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Who leaves New York late?

    All departures from the three airports of New York City in 2013. This notebook runs on a **sandbox**: a small sample
    of production whose joins still match and whose tail numbers are masked. The two cells that call `wb.output` are what
    production will run; everything else here is for us.
    """)
    return


@app.cell
def _(wb):
    flights = wb.source("flights")
    planes = wb.source("planes")
    airlines = wb.source("airlines")
    return airlines, flights, planes


@app.cell
def _(mo, wb):
    min_delay = wb.param("min_delay", 15, ge=0, le=240, doc="minutes after schedule from which a departure is late")
    carrier = mo.ui.dropdown(["all", "B6", "UA"], value="all", label="Carrier")
    mo.vstack([min_delay, carrier])
    return carrier, min_delay


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The trap

    A cancelled flight has no departure time and no delay. Whoever counts rows and asks `dep_delay > 15` counts it as a
    departure that was on time, and the worst days look better than they were.
    """)
    return


@app.cell
def _(flights, ibis):
    cancelled_flights = flights.filter(flights.dep_time.isnull())
    cancelled_flights.group_by("origin").agg(cancelled=ibis._.count()).order_by("origin")
    return


@app.cell
def _(carrier, flights, ibis, planes):
    departures = flights.mutate(day=ibis.date(flights.year, flights.month, flights.day))
    if carrier.value != "all":
        departures = departures.filter(departures.carrier == carrier.value)
    # The registry does not know every plane: such a flight stays, without seats.
    departures = departures.left_join(planes.select("tailnum", "seats"), "tailnum")
    departures.head(5)
    return (departures,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Late departures

    Late is a flight that left more than `min_delay` minutes after schedule. Cancelled flights did not leave: they are
    counted on their own and are no part of the rate.
    """)
    return


@app.cell
def _(departures, ibis, min_delay, wb):
    is_late = departures.dep_delay > min_delay.value
    by_day = departures.group_by("day", "origin").agg(
        departures=departures.dep_time.count(),
        cancelled=departures.dep_time.isnull().sum(),
        late=is_late.sum().fill_null(0),
        seats_affected=departures.seats.sum(where=is_late).fill_null(0),
    )
    late_departures = wb.output(
        "late_departures",
        by_day.mutate(rate=ibis._.late / ibis._.departures.nullif(0)),
        key=["day", "origin"],
        doc="Departures of each day and airport, and how many of them were late.",
        columns={
            "day": "day of the scheduled departure, local time",
            "origin": "airport of departure",
            "departures": "flights that left",
            "cancelled": "flights that were scheduled and did not leave",
            "late": "flights that left more than min_delay minutes after schedule",
            "seats_affected": "seats of the planes that left late, where the registry knows them",
            "rate": "late / departures, 0..1; NULL on a day without departures",
        },
        units={"departures": "flights", "cancelled": "flights", "late": "flights", "seats_affected": "seats"},
        checks=[
            wb.check.not_null("day", "origin"),
            wb.check.between("rate", 0, 1),
            wb.check.one_of("origin", ["EWR", "JFK", "LGA"]),
        ],
        partition_by="day",
    )
    late_departures
    return (late_departures,)


@app.cell
def _(alt, late_departures, min_delay):
    alt.Chart(late_departures.to_pyarrow()).mark_circle(opacity=0.5).encode(
        x=alt.X("day:T", title=None),
        y=alt.Y("rate:Q", title=f"share later than {min_delay.value} min", axis=alt.Axis(format="%")),
        color=alt.Color("origin:N", title="airport"),
        size=alt.Size("departures:Q", legend=None),
        tooltip=["day:T", "origin:N", "departures:Q", "late:Q"],
    ).properties(height=220, width="container")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Months

    The same by month, for those who plan. It reads `late_departures`, so both always agree.
    """)
    return


@app.cell
def _(ibis, late_departures, wb):
    by_month = (
        late_departures.mutate(month=late_departures.day.truncate("M"))
        .group_by("month", "origin")
        .agg(departures=ibis._.departures.sum(), late=ibis._.late.sum())
    )
    monthly_lateness = wb.output(
        "monthly_lateness",
        by_month.mutate(rate=ibis._.late / ibis._.departures.nullif(0)),
        key=["month", "origin"],
        doc="Departures of each month and airport, and how many of them were late.",
        columns={
            "month": "first day of the month",
            "origin": "airport of departure",
            "departures": "flights that left",
            "late": "flights that left late, as late_departures counts them",
            "rate": "late / departures, 0..1; NULL in a month without departures",
        },
        units={"departures": "flights", "late": "flights"},
        checks=[wb.check.not_null("month", "origin"), wb.check.between("rate", 0, 1)],
    )
    monthly_lateness
    return


@app.cell
def _(airlines, flights, ibis, min_delay):
    # A look at the airlines; nothing that is marked needs it.
    by_airline = (
        flights.filter(flights.dep_time.notnull())
        .join(airlines, "carrier")
        .group_by("name")
        .agg(departures=ibis._.count(), late=(ibis._.dep_delay > min_delay.value).sum())
    )
    by_airline.mutate(rate=ibis._.late / ibis._.departures).order_by(ibis._.rate.desc())
    return


if __name__ == "__main__":
    app.run()
