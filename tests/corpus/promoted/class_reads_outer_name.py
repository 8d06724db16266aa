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
    LIMIT = 15
    return


@app.cell
def _():
    class Config:
        LIMIT = LIMIT
        double = LIMIT * 2
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(flights.dep_delay > Config.double))
    return


if __name__ == "__main__":
    app.run()
