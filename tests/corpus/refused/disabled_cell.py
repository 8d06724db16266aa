import marimo

app = marimo.App()

with app.setup:
    import workbench as wb


@app.cell(disabled=True)
def _():
    flights = wb.source("flights")
    return (flights,)


@app.cell
def _(flights):
    rows = flights.filter(flights.dep_delay > 5)
    return (rows,)


@app.cell
def _(rows):
    late = wb.output("late_ones", rows)
    return


if __name__ == "__main__":
    app.run()
