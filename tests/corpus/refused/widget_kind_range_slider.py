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
    months = mo.ui.range_slider(1, 12, value=[6, 8])
    return


@app.cell
def _():
    rows = flights.filter(flights.carrier.isin(carriers.value))
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
