import marimo

__generated_with = "0.25.2"
app = marimo.App(sql_output="pandas")


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
    rows = mo.sql("SELECT day, count(*) AS n FROM flights GROUP BY day")
    return


@app.cell
def _():
    wb.output("days_seen", ibis.memtable(rows))
    return


if __name__ == "__main__":
    app.run()
