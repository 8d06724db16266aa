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
    import pandas as pd
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    def named(rows):
        return pd.DataFrame({"n": [len(rows)]})

    @wb.local(schema={"n": "int64"})
    def counted(rows):
        return named(rows)
    return


@app.cell
def _():
    wb.output("counted_flights", counted(flights).cross_join(ibis.memtable(named([1]))))
    return


if __name__ == "__main__":
    app.run()
