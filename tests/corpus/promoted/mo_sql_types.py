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
    flights = wb.source("flights")
    return


@app.cell
def _():
    rows = mo.sql("""
        SELECT day, origin, sum(dep_delay) AS total, min(arr_delay)::INTEGER AS least, avg(dep_delay)::DECIMAL(9, 2) AS mean,
            day::TIMESTAMP AS began, (day::TIMESTAMP AT TIME ZONE 'America/New_York') AS moment,
            (day::TIMESTAMP AT TIME ZONE 'America/New_York')::DATE AS utc_day
        FROM flights
        GROUP BY ALL
    """)
    return


@app.cell
def _():
    rows.head()
    return


@app.cell
def _():
    wb.output("totals", ibis.memtable(rows), key=["day", "origin"])
    return


if __name__ == "__main__":
    app.run()
