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
    import functools
    import operator
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    conditions = [flights.dep_delay > 0, flights.arr_delay > 0]
    wb.output("late", flights.filter(functools.reduce(operator.and_, conditions)))
    return


if __name__ == "__main__":
    app.run()
