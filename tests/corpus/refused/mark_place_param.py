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
    limits = [wb.param("low", 0), wb.param("high", 9)]
    return


@app.cell
def _():
    rows = flights.filter(flights.dep_delay > limits[0].value)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
