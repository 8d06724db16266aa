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
    min_delay = wb.param("min_delay", 15, ge=0, le=240)
    flights = wb.source("flights")
    return


@app.cell
def _():
    def late(table, min_delay):
        return table.filter(table.dep_delay > min_delay)
    return


@app.cell
def _():
    wb.output("late_flights", late(flights, min_delay=min_delay.value))
    return


if __name__ == "__main__":
    app.run()
