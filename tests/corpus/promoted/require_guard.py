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
    min_delay = wb.param("min_delay", 15, ge=0, le=240)
    return


@app.cell
def _():
    wb.require(min_delay.value % 5 == 0, "whole steps of five minutes")
    rows = flights.filter(flights.dep_delay > min_delay.value)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
