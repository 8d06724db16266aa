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
    import math
    import statistics as st
    from collections import OrderedDict, defaultdict
    import ibis.selectors as s
    from ibis import _
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("picked_columns", flights.select(s.cols("origin", "dep_delay")).filter(ibis._.dep_delay > math.floor(15.5)))
    return


if __name__ == "__main__":
    app.run()
