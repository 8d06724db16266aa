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
    limit = mo.ui.slider(0, 10 * 24, value=15)
    latest = mo.ui.slider(0, max(1, 2))
    return


@app.cell
def _():
    rows = flights.filter(flights.dep_delay > latest.value)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
