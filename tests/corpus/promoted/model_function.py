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
    @wb.model(key=["origin"], columns={"n": "late departures"})
    def late_by_origin(flights, limit):
        """Late departures of each airport."""
        # more than a limit
        return flights.filter(flights.dep_delay > limit).group_by("origin").aggregate(n=ibis._.count())
    return


@app.cell
def _():
    rows = late_by_origin(flights, min_delay.value)
    rows
    return


@app.cell
def _():
    wb.output("worst", rows.order_by(ibis.desc("n"), "origin").limit(1))
    return


if __name__ == "__main__":
    app.run()
