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
    ORIGINS = ("JFK", "LGA")  # New York proper
    return


@app.cell
def _():
    def is_late(delay):
        return delay > LIMIT
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(is_late(flights.dep_delay), flights.origin.isin(ORIGINS)))
    return


if __name__ == "__main__":
    app.run()
