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
    DEFAULT = max(10, 15)
    delay = wb.param("min_delay", DEFAULT)
    return


@app.cell
def _():
    rows = flights.filter(flights.dep_delay > delay.value)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
