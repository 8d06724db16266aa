import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    import ibis
    import marimo as mo
    pass
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
    late = wb.output("late_ones", flights.filter(flights.dep_delay > 5))
    return


if __name__ == "__main__":
    app.run()
