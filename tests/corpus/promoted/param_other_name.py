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
    delay_widget = wb.param("min_delay", 15, ge=0, le=240)
    return


@app.cell
def _():
    min_delay = delay_widget.value
    return


@app.cell
def _():
    flights = wb.source("flights")
    wb.output("late", flights.filter(flights.dep_delay > min_delay))
    return


if __name__ == "__main__":
    app.run()
