import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import ibis
    import marimo as mo
    import workbench as wb
    LIMIT = 15


@app.function
def is_late(delay):
    """Late?"""
    return delay > LIMIT


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(is_late(flights.dep_delay)))
    return


if __name__ == "__main__":
    app.run()
