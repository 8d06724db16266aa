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
    n = wb.param("n", 10, ge=0, le=50)
    rows = flights.filter(flights.dep_delay > n.value)
    return


@app.cell
def _():
    wb.output("o1", rows)
    return


if __name__ == "__main__":
    app.run()
