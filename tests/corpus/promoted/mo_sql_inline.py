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
    _late = flights.filter(flights.dep_delay > 15)
    late = _late.select("origin", "carrier")
    return


@app.cell
def _():
    wb.output("carriers", ibis.memtable(mo.sql("WITH x AS (SELECT * FROM late) SELECT carrier, origin FROM x", output=False)).distinct())
    return


if __name__ == "__main__":
    app.run()
