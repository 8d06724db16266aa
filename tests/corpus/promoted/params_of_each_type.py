import marimo

__generated_with = "0.25.2"
app = marimo.App()

@app.cell
def _():
    import ibis
    import marimo as mo
    import workbench as wb
    return


@app.cell
def _():
    import datetime
    flights = wb.source("flights")
    share = wb.param("share", 0.5, ge=0.0, le=1.0)
    origin = wb.param("origin", "JFK", choices=["JFK", "LGA", "EWR"], doc="airport")
    only_late = wb.param("only_late", True)
    since = wb.param("since", datetime.date(2013, 1, 1))
    return


@app.cell
def _():
    rows = flights.filter(flights.origin == origin.value, flights.day >= since.value)
    if only_late.value:
        rows = rows.filter(rows.dep_delay > 60 * share.value)
    wb.output("chosen", rows)
    return


if __name__ == "__main__":
    app.run()
