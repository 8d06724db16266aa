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
    import datetime as dt
    from typing import Final
    return


@app.cell
def _():
    LIMIT: Final = 15
    flights: ibis.Table = wb.source("flights")
    return


@app.cell
def _():
    def since(table: ibis.Table, day: dt.date) -> ibis.Table:
        return table.filter(table.day >= day)
    return


@app.cell
def _():
    rows: ibis.Table
    rows = since(flights, dt.date(2013, 1, 2))
    wb.output("late", rows.filter(rows.dep_delay > LIMIT))
    return


if __name__ == "__main__":
    app.run()
