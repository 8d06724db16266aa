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
    import delays
    from delays import LIMIT, is_late as late_enough
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(late_enough(flights.dep_delay), delays.is_late(flights.arr_delay), flights.dep_delay < LIMIT * 10))
    return


if __name__ == "__main__":
    app.run()
