import marimo

app = marimo.App()


@app.cell
def _():
    import workbench as wb
    p = wb.param("p", 1e999)
    q = wb.param("q", 2.5, ge=0, le=float("inf"))
    return


@app.cell
def _():
    flights = wb.source("flights")
    return (flights,)


@app.cell
def _(flights):
    late = wb.output("late_ones", flights.filter(flights.dep_delay > p.value + q.value))
    return


if __name__ == "__main__":
    app.run()
