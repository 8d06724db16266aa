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
    assert min_delay.value >= 0, "not negative"
    if min_delay.value > 200:
        raise ValueError("too late")
    wb.output("late", flights.filter(flights.dep_delay > min_delay.value))
    return


if __name__ == "__main__":
    app.run()
