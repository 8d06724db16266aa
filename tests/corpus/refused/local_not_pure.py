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
    import random
    from datetime import datetime
    return


@app.cell
def _():
    flights = wb.source("flights")
    planes = wb.source("planes")
    return


@app.cell
def _():
    @wb.local(schema={"n": "int64"})
    def impure(rows):
        known = pd.read_csv("known.csv")
        rows["at"] = datetime.now()
        rows["luck"] = random.random()
        rows = rows.sample(3)
        rows.to_parquet("out.parquet")
        other = planes.to_pandas()
        return rows.merge(known).merge(other)
    return


@app.cell
def _():
    wb.output("impure_step", impure(flights))
    return


if __name__ == "__main__":
    app.run()
